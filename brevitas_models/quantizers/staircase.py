"""A staircase with one autograd rule: counts thresholds forward, pretends to be smooth backward."""

from __future__ import annotations

import torch
from torch import Tensor

from brevitas_models.quantizers.backward import slope

WINDOW = 0.5  # half-width of the box that stands for the delta function at a threshold
FEW = 7  # up to so many thresholds, comparing is faster than searching


def count(x: Tensor, thresholds: Tensor) -> Tensor:
    """How many of the sorted `thresholds` (n,) are <= x, in x's dtype and shape (any)."""
    if len(thresholds) > FEW:
        return torch.bucketize(x, thresholds, right=True).to(x.dtype)
    counts = (x >= thresholds[0]).to(x.dtype)
    for threshold in thresholds[1:]:
        counts += x >= threshold
    return counts


def threshold_gradient(x: Tensor, upstream: Tensor, thresholds: Tensor, step: float) -> Tensor:
    """Gradient (n,) of sum(upstream * f(x)) to the thresholds of f(x) = step * (sum_k H(x - T_k) - centre).

    d f / d T_k = -step * delta(x - T_k): only inputs at the threshold feel it. The delta is replaced by a box of area
    one and half-width WINDOW, so the gradient is -step / (2 * WINDOW) * sum of `upstream` over |x - T_k| < WINDOW:
    raising a threshold lowers the output of the inputs around it. All n sums come from one histogram over the 2n
    edges, in float64 and in a fixed order, so that training repeats bitwise.
    """
    edges = torch.cat([thresholds - WINDOW, thresholds + WINDOW])
    edges, order = torch.sort(edges, stable=True)
    bins = torch.bucketize(x.flatten(), edges)
    sums = torch.bincount(bins, weights=upstream.flatten().double(), minlength=len(edges) + 1)
    below = torch.empty(len(edges), dtype=torch.float64)
    below[order] = torch.cumsum(sums, 0)[:-1]
    n = len(thresholds)
    return (-step / (2 * WINDOW) * (below[n:] - below[:n])).to(thresholds.dtype)


class Staircase(torch.autograd.Function):
    """y = (count(x) - centre) * step. Gradients: to x by `backward.slope`, to the thresholds as above."""

    @staticmethod
    def forward(ctx, x: Tensor, thresholds: Tensor, step: float, centre: float, mode: str) -> Tensor:
        ctx.save_for_backward(x, thresholds)
        ctx.step, ctx.mode = step, mode
        # Add, then Mul, as the exported graph has them: count - centre is a half-integer, so that one operation at most
        # rounds and every level is an exact multiple of step / 2 whatever the step.
        return count(x, thresholds).sub_(centre).mul_(step)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        # The second derivative that the Jacobian regularizer takes goes through `upstream` alone: a slope is constant.
        x, thresholds = (tensor.detach() for tensor in ctx.saved_tensors)
        to_x = to_thresholds = None
        if ctx.needs_input_grad[0]:
            low, high = min(-1.0, float(thresholds[0])), max(1.0, float(thresholds[-1]))
            to_x = upstream * slope(x, thresholds, ctx.step, low, high, ctx.mode)
        if ctx.needs_input_grad[1]:
            to_thresholds = threshold_gradient(x, upstream.detach(), thresholds, ctx.step)
        return to_x, to_thresholds, None, None, None
