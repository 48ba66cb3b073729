"""The loss of one batch: cross entropy, and what each defence adds to it or takes it on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brevitas_models.config import ModelConfig, Objective
from brevitas_models.defences import adversarial, diversity, interval, jacobian, lipschitz, trades
from brevitas_models.networks.ensemble import Ensemble
from brevitas_models.networks.network import Network

RAMP = 0.5  # share of the training in which interval bounds grow to their full budget and weight


@dataclass(frozen=True, slots=True)
class Loss:
    """Differentiable scalars `data` (what the pictures say) and `penalty` (what regularizers add); the logits,
    float32 (N, classes), of the pictures that were learned from."""

    data: Tensor
    penalty: Tensor
    logits: Tensor


def batch_loss(
    network: Network | Ensemble,
    codes: Tensor,
    labels: Tensor,
    config: ModelConfig,
    done: float,
    generator: torch.Generator,
) -> Loss:
    """`codes`: float32 (N, C, H, W) holding 0..255. `done`: share of the training that is over, 0..1.

    Of an ensemble, every member learns the class, and the examples are found for all members together.
    """
    defence = config.defence
    attacked = round(defence.adversarial * len(codes))
    trades_on = defence.objective is Objective.TRADES and attacked > 0
    original = codes[:attacked]
    if attacked:
        perturb = trades.perturb if trades_on else adversarial.perturb
        worse = perturb(network, original, labels[:attacked], defence, generator)
        codes = codes if trades_on else torch.cat([worse, codes[attacked:]])
    regularized = defence.jacobian > 0 or defence.jacobian_layers > 0
    pixels = (codes / 255).requires_grad_(regularized)
    penalty = torch.zeros(())
    if isinstance(network, Ensemble):
        answers = network.answers(pixels)
        logits = torch.stack(answers).sum(dim=0)
        data = torch.stack([nn.functional.cross_entropy(answer, labels) for answer in answers]).mean()
        if defence.diversity:
            penalty = penalty + defence.diversity * diversity.penalty(answers, labels)
    else:
        trace = network.trace(pixels)
        logits = trace[-1]
        data = nn.functional.cross_entropy(logits, labels)
    if trades_on:
        divergence = trades.divergence(network(worse / 255), logits[:attacked])
        data = data + defence.trades_beta * divergence * (attacked / len(codes))
    if defence.interval:
        data = _bounded(network, codes, labels, config, done, data)
    if defence.lipschitz_beta:
        with _float32(codes):
            penalty = penalty + lipschitz.penalty(network, defence.lipschitz_beta)
    if regularized:
        penalty = penalty + jacobian.penalty(
            trace, pixels, defence.jacobian, defence.jacobian_layers, defence.projections, generator
        )
    return Loss(data, penalty, logits)


def _float32(codes: Tensor) -> torch.autocast:
    """The context of what needs all its digits also where the network is trained in bfloat16: bounds, Gram matrices."""
    return torch.autocast(codes.device.type, enabled=False)


def _bounded(
    network: Network, codes: Tensor, labels: Tensor, config: ModelConfig, done: float, plain: Tensor
) -> Tensor:
    """(1 - k) * plain + k * cross entropy of the worst margins (Gowal et al. 2018, eq. 12); k and the budget grow."""
    grown = min(done / RAMP, 1.0)
    share = config.defence.interval * grown
    budget = math.floor(config.defence.epsilon * grown * 255 + 1e-9)
    with _float32(codes):
        _, margins = interval.bounds(network, codes, labels, budget)
    return (1 - share) * plain + share * nn.functional.cross_entropy(margins, labels)
