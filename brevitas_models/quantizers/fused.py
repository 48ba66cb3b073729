"""Brevitas' uniform quantizer in one step: same levels, same gradients, a third of the passes over memory."""

from __future__ import annotations

import torch
from brevitas.core.function_wrapper import TensorClamp, TensorClampSte
from brevitas.core.quant import IntQuant
from torch import Tensor, nn

from brevitas_models.quantizers.backward import gated


class Rounded(torch.autograd.Function):
    """y = clamp(round(x / scale), lowest, highest) * scale, ties to even; `scale`: one positive number.

    `gate`: the open interval of x / scale in which x gets its gradient, None for everywhere. The scale's gradient is
    that of y = x inside the gate with round(x / scale) / scale held, as Brevitas' chain of operations has it.
    """

    @staticmethod
    def forward(
        ctx, x: Tensor, scale: Tensor, lowest: float, highest: float, gate: tuple[float, float] | None
    ) -> Tensor:
        ratio = x / scale
        y = ratio.clamp(lowest, highest).round_().mul_(scale)
        ctx.save_for_backward(ratio, y, scale)
        ctx.gate = gate
        return y

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        # The second derivative that the Jacobian regularizer takes goes through `upstream` alone: where the gate is
        # does not move.
        ratio, y, scale = (tensor.detach() for tensor in ctx.saved_tensors)
        to_x = upstream if ctx.gate is None else gated(upstream, ratio, *ctx.gate)
        to_scale = None
        if ctx.needs_input_grad[1]:
            to_scale = (upstream.detach() * y).sum() / scale - (to_x.detach() * ratio).sum()
        return to_x if ctx.needs_input_grad[0] else None, to_scale, None, None, None


class FusedIntQuant(IntQuant):
    """What `RescalingIntQuant` rounds with; inject it as `int_quant`. Zero point 0, `bit_width` fixed.

    With power-of-two scales the gradients are Brevitas' own to the bit, else to float32 rounding. An unsigned one
    stands behind a ReLU or in its place: what is not positive gets no gradient.
    """

    def __init__(
        self,
        narrow_range: bool,
        signed: bool,
        bit_width: int,
        input_view_impl: nn.Module,
        float_to_int_impl: nn.Module,
        tensor_clamp_impl: nn.Module | None = None,
    ) -> None:
        clamp = tensor_clamp_impl or TensorClamp()
        super().__init__(narrow_range, signed, input_view_impl, float_to_int_impl, clamp)
        bits = torch.tensor(float(bit_width))
        self.lowest, self.highest = float(self.min_int(bits)), float(self.max_int(bits))
        # The highest level is odd, so half a step above it rounds to even, out of the range: the gate is open.
        inside = (self.lowest - 0.5 if signed else 0.0, self.highest + 0.5)
        self.gate = None if isinstance(clamp, TensorClampSte) else inside

    def forward(self, scale: Tensor, zero_point: Tensor, bit_width: Tensor, x: Tensor) -> Tensor:
        return Rounded.apply(self.input_view_impl(x), scale, self.lowest, self.highest, self.gate)
