"""What the members of an ensemble say of pictures, draw after draw."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from brevitas_models.networks.ensemble import Ensemble
from flows.attack.common import at_least
from flows.targets.layout import check_images
from flows.targets.torch_target import to_pixels


@torch.no_grad()
def member_logits(ensemble: Ensemble, images: np.ndarray, draws: int) -> Tensor:
    """uint8 (N, C, H, W) -> float32 (draws, members, N, classes), noise from torch's default generator."""
    at_least("draws", draws, 1)
    check_images(images, "ensemble")
    pixels = to_pixels(images)
    return torch.stack([torch.stack(ensemble.answers(pixels)) for _ in range(draws)])


def shares_right(logits: Tensor, y: np.ndarray) -> dict[str, object]:
    """Of `member_logits`: the share (0..1) of right single answers, with the members' scores added (`sum`), of one
    member drawn at random (`random`: their mean), and of each member (`members`)."""
    right = torch.from_numpy(y.astype(np.int64))
    members = (logits.argmax(-1) == right).float().mean(dim=(0, 2))
    added = (logits.sum(dim=1).argmax(-1) == right).float().mean()
    return {"sum": added.item(), "random": members.mean().item(), "members": members.tolist()}
