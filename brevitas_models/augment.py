"""Random changes of training pictures that keep their class."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def shift(codes: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Moves every picture, (N, C, H, W), by its own -pixels..pixels in both directions; zeros come in at the edges."""
    if not pixels:
        return codes
    count, _, height, width = codes.shape
    padded = nn.functional.pad(codes, (pixels,) * 4)
    down, right = torch.randint(0, 2 * pixels + 1, (2, count), generator=generator)
    rows = (torch.arange(height) + down[:, None])[:, :, None]
    columns = (torch.arange(width) + right[:, None])[:, None, :]
    return padded[torch.arange(count)[:, None, None], :, rows, columns].permute(0, 3, 1, 2).contiguous()
