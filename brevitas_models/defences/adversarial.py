"""PGD (Madry et al. 2018) as the inner maximisation of adversarial training, on the sensor's 8-bit grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from brevitas_models.config import DefenceConfig
from brevitas_models.networks.frozen import frozen
from brevitas_models.networks.network import Network


@contextmanager
def held(network: Network) -> Iterator[None]:
    """Eval mode and no parameter gradients: the network that is attacked, not the one that learns."""
    training = network.training
    learning = [p for p in network.parameters() if p.requires_grad]
    network.eval()
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        with frozen(network.linears):
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
        network.train(training)


def perturb(
    network: Network, codes: Tensor, labels: Tensor, config: DefenceConfig, generator: torch.Generator
) -> Tensor:
    """Adversarial pixel codes for `codes`, float32 (N, C, H, W) holding 0..255, with labels int64 (N,).

    L-infinity, `steps` signed steps from a random start, projected onto the ball, onto 0..255 and, at the end, onto
    whole codes; the budget is the largest whole number of codes within `config.epsilon`. The network is attacked in
    eval mode, with its running statistics, which is how it is deployed; it comes back as it was.
    """
    with held(network):
        return ascend(
            codes, lambda x: nn.functional.cross_entropy(network(x), labels, reduction="sum"), config, generator
        )


def ascend(
    codes: Tensor, loss: Callable[[Tensor], Tensor], config: DefenceConfig, generator: torch.Generator
) -> Tensor:
    """Signed steps up `loss`, a function of pixels float32 (N, C, H, W) in [0, 1], within the budget around `codes`."""
    budget = math.floor(config.epsilon * 255 + 1e-9)
    step = config.step_size * 255
    low, high = (codes - budget).clamp_(min=0), (codes + budget).clamp_(max=255)
    start = torch.rand(codes.shape, generator=generator) * (2 * budget) - budget
    x = torch.clamp(codes + start.to(codes.device), low, high)
    for _ in range(config.steps):
        pixels = (x / 255).requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(pixels), pixels)
        x = torch.clamp(x + step * gradient.sign(), low, high)
    return torch.round(x)
