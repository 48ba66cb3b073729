"""Which gradient a quantizer pretends to have: selectable, because an attack has to try more than one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from brevitas_models.errors import ModelError

#: Width of the sigmoids of a soft staircase, in mean gaps between thresholds. Too wide, and an attack does not see the
#: steps; too narrow, and the slope is zero in between. 0.12 led PGD to most images on 2-bit networks.
STAIRCASES = {"staircase": 0.25, "staircase-narrow": 0.12, "staircase-wide": 0.5}
MODES = ("clipped", "identity", "tanh", *STAIRCASES)


class SelectableBackward(nn.Module):
    """A quantizer whose backward pass `backward_pass` can exchange; the forward pass never changes.

    `clipped` (default, and what training uses): gradient 1 inside the quantizer's range, 0 outside.
    `identity`: 1 everywhere (BPDA, Athalye et al. 2018). `tanh`: derivative of the saturating curve that the
    quantizer approximates. `staircase`: derivative of a sum of sigmoids, one at each threshold; `staircase-narrow` and
    `staircase-wide`: the same with narrower and wider ones.
    """

    backward_mode = "clipped"


@contextmanager
def backward_pass(module: nn.Module, mode: str) -> Iterator[nn.Module]:
    """Within the context every activation quantizer inside `module` uses the gradient `mode` (one of MODES).

    The input grid always passes its gradient straight through, whatever the mode. Raises ModelError for another mode.
    """
    if mode not in MODES:
        raise ModelError(f"backward pass: expected one of {', '.join(MODES)}, got {mode!r}")
    chosen = [m for m in module.modules() if isinstance(m, SelectableBackward)]
    before = [m.backward_mode for m in chosen]
    try:
        for quantizer in chosen:
            quantizer.backward_mode = mode
        yield module
    finally:
        for quantizer, previous in zip(chosen, before, strict=True):
            quantizer.backward_mode = previous


def slope(x: Tensor, thresholds: Tensor, step: float, low: float, high: float, mode: str) -> Tensor:
    """Pretended derivative at `x` (any shape) of a staircase with sorted `thresholds` (n,) and steps of height `step`.

    `low`, `high`: the range inside which `clipped` passes the gradient (exclusive). The area under `tanh` and under
    `staircase` is the staircase's own rise, n * step.
    """
    if mode == "identity":
        return torch.ones_like(x)
    if mode == "clipped":
        return ((x > low) & (x < high)).to(x.dtype)
    rise = step * len(thresholds)
    if mode == "tanh":
        # The tanh whose rounding has these outer thresholds; of the fixed DQA (any bits) that is tanh(x) itself.
        n, first, last = len(thresholds), float(thresholds[0]), float(thresholds[-1])
        centre, width = (first + last) / 2, (last - first) / (2 * math.atanh((n - 1) / n)) if n > 1 else 1.0
        return rise / (2 * width) * (1 - torch.tanh((x - centre) / width) ** 2)
    gaps = thresholds[1:] - thresholds[:-1]
    temperature = STAIRCASES[mode] * (float(gaps.mean()) if len(gaps) else 1.0)
    total = torch.zeros_like(x)
    for threshold in thresholds:
        sigmoid = torch.sigmoid((x - threshold) / temperature)
        total += sigmoid * (1 - sigmoid)
    return total * (step / temperature)


def gated(upstream: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """`upstream` where low < x < high, else 0: what `clipped` passes, in one step; differentiable to `upstream`."""
    return torch.ops.aten.hardtanh_backward(upstream, x, low, high)


class WithSlope(torch.autograd.Function):
    """Gives `value` forward and the gradient `upstream * slope` to `x` backward."""

    @staticmethod
    def forward(ctx, x: Tensor, value: Tensor, derivative: Tensor) -> Tensor:
        ctx.save_for_backward(derivative)
        return value.clone()

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None, None]:
        return upstream * ctx.saved_tensors[0], None, None
