"""How much of a perturbation each block lets through: Lin et al. 2019 (arXiv 1904.08444), figure 4."""

from __future__ import annotations

import torch
from torch import Tensor

from brevitas_models.networks.network import Network


@torch.no_grad()
def amplification(network: Network, clean: Tensor, perturbed: Tensor) -> list[float]:
    """Normalized distance ||h(x') - h(x)|| / ||h(x)|| (L2, mean over pictures) at the input, behind every block, and
    of the logits.

    `clean`, `perturbed`: pixels float32 (N, C, H, W) in [0, 1]. Where h(x) is all zero the picture does not count.
    """
    pairs = zip(
        [network.grid(clean), *network.trace(clean)], [network.grid(perturbed), *network.trace(perturbed)], strict=True
    )
    return [_distance(before.flatten(1).double(), after.flatten(1).double()) for before, after in pairs]


def _distance(before: Tensor, after: Tensor) -> float:
    size = before.norm(dim=1)
    there = size > 0
    if not there.any():
        return 0.0
    return ((after - before).norm(dim=1)[there] / size[there]).mean().item()
