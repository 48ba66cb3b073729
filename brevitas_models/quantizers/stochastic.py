"""SQ: the stochastic quantizer of an information-theoretic ensemble (arXiv 2312.00105), as stochastic rounding.

The paper's text leaves the noise open. With real level u = (x - lowest) / step, the result is floor(u + U), U uniform
in [0, 1): one of the two levels around x, with mean x. The straight-through gradient is therefore the true gradient of
the expectation: it hides nothing from an attacker who averages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from brevitas.inject import ExtendedInjector
from torch import Tensor, nn

from brevitas_models.config import Scale
from brevitas_models.quantizers.backward import SelectableBackward, WithSlope, slope
from brevitas_models.quantizers.dqa import DQAProxy, Stairs, levels
from brevitas_models.quantizers.staircase import count

DRAW_BITS = 8  # of each random integer of the deployed quantizer

#: (count, bits) -> int64 (count,), the next integers of that many bits, each uniform.
Draw = Callable[[int, int], np.ndarray]


@dataclass(slots=True)
class Noise:
    """The noise of a deployed quantizer, in integers: d = floor(r * spread / 2**DRAW_BITS) - spread // 2 on the sums of
    the layer in front, r uniform of DRAW_BITS bits.

    `spread`: int64 (C,), how many values d has, the distance of two thresholds in units of the sums. `gain`: float32
    (C,), what one unit of the sums is worth in front of the quantizer. `seed`: of the circuit's generator. `draw`:
    where r comes from, None for torch's default generator; it is asked for the elements in the order (N, H, W, C).
    """

    spread: Tensor
    gain: Tensor
    seed: int
    draw: Draw | None = None

    def sample(self, shape: torch.Size) -> Tensor:
        """float32 of `shape`, (N, C) or (N, C, H, W): gain * d."""
        ordered = (shape[0], *shape[2:], shape[1])
        if self.draw is None:
            r = torch.randint(1 << DRAW_BITS, ordered)
        else:
            r = torch.from_numpy(self.draw(int(np.prod(ordered)), DRAW_BITS)).reshape(ordered)
        d = (r * self.spread >> DRAW_BITS) - self.spread // 2
        return (d.float() * self.gain).movedim(-1, 1)


class StochasticQuantizer(SelectableBackward):
    """The tensor quantizer: `2**bit_width` evenly spaced levels, those of a DQA, reached by stochastic rounding.

    Draws come from torch's default generator, in training and in evaluation: a seed before the call repeats it.
    `silent`: round to nearest instead. `noise`: set by `deploy`, the integer noise of the circuit in its place.
    """

    silent = False

    def __init__(self, bit_width: int, level_scale: Scale) -> None:
        super().__init__()
        self.bits = bit_width
        self.levels = levels(bit_width, level_scale)
        middles = torch.arange(self.levels.top, dtype=torch.float64) + 0.5
        self.register_buffer("thresholds", (middles * self.levels.step + self.levels.lowest).float(), persistent=False)
        self.noise: Noise | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """float32 (N, C, ...) -> (levels of the same shape, step, zero point, bits), Brevitas' four answers."""
        grid, centre = self.levels, self.levels.top / 2
        y = count(x.detach() + self._dither(x), self.thresholds).sub_(centre).mul_(grid.step)
        if torch.is_grad_enabled() and x.requires_grad:
            highest = grid.lowest + grid.top * grid.step
            derivative = slope(x.detach(), self.thresholds, grid.step, grid.lowest, highest, self.backward_mode)
            y = WithSlope.apply(x, y, derivative)
        return y, torch.tensor(grid.step), torch.tensor(centre), torch.tensor(float(self.bits))

    def _dither(self, x: Tensor) -> Tensor | float:
        if self.silent:
            return 0.0
        if self.noise is not None:
            return self.noise.sample(x.shape)
        return ((torch.rand(x.shape) - 0.5) * self.levels.step).to(x.device)


class SQInjector(ExtendedInjector):
    """Brevitas injector: `QuantIdentity(act_quant=SQInjector, bit_width=3, level_scale=...)`."""

    proxy_class = DQAProxy
    tensor_quant = StochasticQuantizer
    signed = True
    narrow_range = False


class QuantSQ(Stairs):
    """The activation layer: float32 (N, C, ...) -> levels of the same shape, another answer at every call."""

    def __init__(self, bits: int, scale: Scale) -> None:
        super().__init__(act_quant=SQInjector, bit_width=bits, level_scale=scale)

    @property
    def quantizer(self) -> StochasticQuantizer:
        return self.act_quant.dqa


def stochastic_quantizers(module: nn.Module) -> list[StochasticQuantizer]:
    """Those inside `module`, in order."""
    return [part for part in module.modules() if isinstance(part, StochasticQuantizer)]


@contextmanager
def silenced(module: nn.Module) -> Iterator[nn.Module]:
    """Within the context every stochastic quantizer inside `module` rounds to nearest."""
    chosen = stochastic_quantizers(module)
    before = [quantizer.silent for quantizer in chosen]
    try:
        for quantizer in chosen:
            quantizer.silent = True
        yield module
    finally:
        for quantizer, previous in zip(chosen, before, strict=True):
            quantizer.silent = previous


@contextmanager
def drawn_from(module: nn.Module, generator: Callable[[int], Draw] | None) -> Iterator[nn.Module]:
    """Within the context every deployed quantizer takes its integers from `generator(seed)`, anew from the first."""
    chosen = [quantizer.noise for quantizer in stochastic_quantizers(module) if quantizer.noise is not None]
    before = [noise.draw for noise in chosen]
    try:
        for noise in chosen:
            noise.draw = None if generator is None else generator(noise.seed)
        yield module
    finally:
        for noise, previous in zip(chosen, before, strict=True):
            noise.draw = previous
