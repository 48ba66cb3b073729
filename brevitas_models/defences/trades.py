"""TRADES (Zhang et al. 2019, arXiv 1901.08573, eq. 5): cross entropy of the picture, and beta times the divergence
between what the network says of it and of its worst neighbour."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brevitas_models.config import DefenceConfig
from brevitas_models.defences.adversarial import ascend, held
from brevitas_models.networks.network import Network


def divergence(worse: Tensor, plain: Tensor) -> Tensor:
    """Mean KL(softmax(plain) || softmax(worse)) of two sets of logits, each (N, classes): a differentiable scalar."""
    target = nn.functional.log_softmax(plain, dim=1)
    found = nn.functional.log_softmax(worse, dim=1)
    return nn.functional.kl_div(found, target, reduction="batchmean", log_target=True)


def perturb(
    network: Network, codes: Tensor, labels: Tensor, config: DefenceConfig, generator: torch.Generator
) -> Tensor:
    """Pixel codes around `codes`, float32 (N, C, H, W) holding 0..255, that the network judges most differently.

    As `adversarial.perturb`, with the divergence in place of the cross entropy; `labels` are not looked at.
    """
    with held(network):
        with torch.no_grad():
            plain = network(codes / 255)
        return ascend(codes, lambda pixels: divergence(network(pixels), plain), config, generator)
