"""The one layer that every network is made of, and the factory that makes it from configuration."""

from __future__ import annotations

from math import prod

from brevitas.nn import QuantConv2d, QuantLinear
from torch import Tensor, nn

from brevitas_models.config import Activation, Scale
from brevitas_models.networks.frozen import apply_linear
from brevitas_models.quantizers.dqa import QuantDQA
from brevitas_models.quantizers.levels import Levels
from brevitas_models.quantizers.stochastic import QuantSQ
from brevitas_models.quantizers.uniform import UniformIdentity, UniformReLU, weight_quantizer

Border = tuple[int, int, int, int]


class Layer(nn.Module):
    """border -> linear -> norm -> activation -> pool, all bias-free but for the norm.

    `linear`: (Quant)Conv2d or (Quant)Linear. `norm`: BatchNorm while training, `Affine` once deployed. `border`:
    columns and rows added to the left, right, top and bottom of what comes in, all of value `fill`, which must be a
    level of it: after a DQA there is no level zero, so its lowest one stands there. `pool_first`: pool before the
    activation instead of after it. Every activation here but SQ is monotone, so the result is the same to the bit; it
    is less work, and where quantized values tie the gradient still finds the largest one. The export, and a layer with
    SQ, have the order written above.
    """

    def __init__(
        self,
        linear: nn.Module,
        norm: nn.Module,
        activation: nn.Module,
        pool: int = 1,
        border: Border = (0, 0, 0, 0),
        fill: float = 0.0,
    ) -> None:
        super().__init__()
        self.linear, self.norm, self.activation = linear, norm, activation
        self.pool = nn.MaxPool2d(pool) if pool > 1 else nn.Identity()
        self.pool_first = not isinstance(activation, QuantSQ)
        self.border, self.fill = border, fill

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) or (N, C) -> the same rank; a linear layer flattens what comes, in NCHW order."""
        if x.ndim > 2 and isinstance(self.linear, nn.Linear):
            x = x.flatten(1)
        if any(self.border):
            x = nn.functional.pad(x, self.border, value=self.fill)
        x = self.norm(apply_linear(self.linear, x))
        return self.activation(self.pool(x)) if self.pool_first else self.pool(self.activation(x))

    @property
    def layers(self) -> list[Layer]:
        return [self]

    def after(self, incoming: Levels) -> Levels:
        """Levels of what it gives; `incoming`: of what it gets."""
        return self.activation.levels


def make_linear(linear: type[nn.Module], shape: tuple[int, ...], bits: int, floating: bool, scale: Scale, **options):
    """A bias-free layer with weights of `shape` (outputs, inputs of a group[, kh, kw]); plain torch if `floating`."""
    outputs, inputs = shape[0], shape[1] * options.get("groups", 1)
    size = (inputs, outputs) if linear is nn.Linear else (inputs, outputs, shape[2:])
    if floating:
        return linear(*size, bias=False, **options)
    quantizer = weight_quantizer(bits, scale, outputs, prod(shape[1:]))
    quantized = QuantLinear if linear is nn.Linear else QuantConv2d
    return quantized(*size, bias=False, weight_quant=quantizer, **options)


def make_activation(kind: Activation, bits: int, scale: Scale) -> nn.Module:
    """The activation layer of a kind; `float` is an ordinary ReLU."""
    if kind is Activation.FLOAT:
        return nn.ReLU()
    if kind is Activation.RELU:
        return UniformReLU(bits, scale)
    if kind is Activation.SQ:
        return QuantSQ(bits, scale)
    return QuantDQA(bits, scale, dynamic=kind is Activation.DQA_DYNAMIC)


def make_requantizer(kind: Activation, bits: int, scale: Scale) -> nn.Module:
    """What brings a branch of a residual block to integers before the addition; nothing for `float`."""
    return nn.Identity() if kind is Activation.FLOAT else UniformIdentity(bits, scale)


def lowest(activation: nn.Module) -> float:
    """The value that stands around a picture behind this activation: its lowest level, 0 for a ReLU."""
    return 0.0 if isinstance(activation, nn.ReLU | UniformReLU) else activation.levels.lowest
