"""IBP, training on interval bounds (Gowal et al. 2018, arXiv 1810.12715), through the quantizers.

Every activation here is a rising function, so it maps an interval's ends to the new interval's ends. What is trained is
the worst logits that the bounds allow; `flows/certify` proves the same kind of bound on the integers that are shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brevitas_models.networks.layer import Layer
from brevitas_models.networks.network import Network
from brevitas_models.networks.pooling import GlobalSum
from brevitas_models.networks.residual import Residual


@dataclass(frozen=True, slots=True)
class Interval:
    """What one tensor is for the picture itself, and its bounds for all pictures around: float32, one shape each."""

    value: Tensor
    low: Tensor
    high: Tensor

    def map(self, function) -> Interval:
        """Under a rising function of each element."""
        return Interval(function(self.value), function(self.low), function(self.high))


def _weight(linear: nn.Module) -> Tensor:
    return linear.quant_weight().value if hasattr(linear, "quant_weight") else linear.weight


def _linear(linear: nn.Module, x: Interval) -> Interval:
    weight = _weight(linear)

    def apply(values: Tensor, matrix: Tensor) -> Tensor:
        if isinstance(linear, nn.Conv2d):
            return nn.functional.conv2d(values, matrix, None, linear.stride, linear.padding, 1, linear.groups)
        return nn.functional.linear(values, matrix)

    centre, radius = apply((x.low + x.high) / 2, weight), apply((x.high - x.low) / 2, weight.abs())
    return Interval(apply(x.value, weight), centre - radius, centre + radius)


def _norm(norm: nn.Module, x: Interval) -> Interval:
    """The batch norm of `x.value`'s batch (or the running one, in eval mode) on all three."""
    axes = [0, *range(2, x.value.ndim)]
    if norm.training:
        mean, variance = x.value.mean(axes), x.value.var(axes, unbiased=False)
    else:
        mean, variance = norm.running_mean, norm.running_var
    shape = (-1,) + (1,) * (x.value.ndim - 2)
    factor = (norm.weight / torch.sqrt(variance + norm.eps)).view(shape)
    offset = norm.bias.view(shape) - mean.view(shape) * factor
    centre, radius = (x.low + x.high) / 2 * factor + offset, (x.high - x.low) / 2 * factor.abs()
    return Interval(norm(x.value), centre - radius, centre + radius)


def _layer(layer: Layer, x: Interval) -> Interval:
    if x.value.ndim > 2 and isinstance(layer.linear, nn.Linear):
        x = x.map(lambda values: values.flatten(1))
    if any(layer.border):
        x = x.map(lambda values: nn.functional.pad(values, layer.border, value=layer.fill))
    x = _norm(layer.norm, _linear(layer.linear, x))
    return x.map(lambda values: layer.activation(layer.pool(values)))


def _block(block: nn.Module, x: Interval) -> Interval:
    if isinstance(block, Residual):
        y = x
        for layer in block.body:
            y = _layer(layer, y)
        z = x if block.shortcut is None else _layer(block.shortcut, x)
        total = Interval(y.value + z.value, y.low + z.low, y.high + z.high)
        return total.map(block.activation)
    if isinstance(block, GlobalSum):
        return x.map(block)
    return _layer(block, x)


def bounds(network: Network, codes: Tensor, labels: Tensor, budget: int) -> tuple[Tensor, Tensor]:
    """(logits, margins), each float32 (N, classes), for pictures within `budget` codes of `codes`.

    `codes`: float32 (N, C, H, W) holding 0..255. The margin of class j is an upper bound of (logit j - right logit),
    taken on the difference of the two rows of the last layer; 0 for the right class itself. Where all others are
    negative, no picture within the budget is classified otherwise.
    """
    around = (codes, (codes - budget).clamp(min=0), (codes + budget).clamp(max=255))
    x = Interval(*(network.enter(network.grid(values / 255)) for values in around))
    for block in network.blocks:
        x = _block(block, x)
    x = x.map(lambda values: values.flatten(1))
    weight = _weight(network.last)
    logits = nn.functional.linear(x.value, weight)
    rows = weight[None] - weight[labels][:, None]  # (N, classes, features)
    centre, radius = (x.low + x.high) / 2, (x.high - x.low) / 2
    margin = torch.einsum("ncf,nf->nc", rows, centre) + torch.einsum("ncf,nf->nc", rows.abs(), radius)
    return logits, margin
