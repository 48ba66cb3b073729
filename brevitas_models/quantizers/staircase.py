"""A staircase with one autograd rule: counts thresholds forward, pretends to be smooth backward."""

from __future__ import annotations

import torch
from torch import Tensor

from brevitas_models.quantizers.backward import gated, slope

WINDOW = 0.5  # half-width of the box that stands for the delta function at a threshold
FEW = 24  # up to so many thresholds, comparing with each is faster than searching
BLOCK = 1 << 15  # elements: what is compared again and again stays in the cache


def count(x: Tensor, thresholds: Tensor) -> Tensor:
    """How many of the sorted `thresholds` (n,), at most 255, are <= x, in x's dtype and shape (any)."""
    return _counts(x, thresholds, right=True).to(x.dtype)


def _counts(x: Tensor, thresholds: Tensor, right: bool) -> Tensor:
    """The same as whole numbers of some type; `right` False: how many are < x."""
    if not x.is_contiguous() and x.ndim == 4:  # channels last: contiguous the other way round
        return _counts(x.permute(0, 2, 3, 1).contiguous(), thresholds, right).permute(0, 3, 1, 2)
    x = x.contiguous()
    if len(thresholds) > FEW or not x.is_cpu:
        return torch.bucketize(x, thresholds, right=right)
    compare, result = (torch.ge if right else torch.gt), torch.empty_like(x, dtype=torch.uint8)
    first, *others = thresholds
    for block, total in zip(x.view(-1).split(BLOCK), result.view(-1).split(BLOCK), strict=True):
        compare(block, first, out=total.view(torch.bool))
        passed = torch.empty_like(block, dtype=torch.bool)
        for threshold in others:
            total += compare(block, threshold, out=passed).view(torch.uint8)
    return result


def threshold_gradient(x: Tensor, upstream: Tensor, thresholds: Tensor, step: float) -> Tensor:
    """Gradient (n,) of sum(upstream * f(x)) to the thresholds of f(x) = step * (sum_k H(x - T_k) - centre).

    d f / d T_k = -step * delta(x - T_k): only inputs at the threshold feel it. The delta is replaced by a box of area
    one and half-width WINDOW, so the gradient is -step / (2 * WINDOW) * sum of `upstream` over |x - T_k| < WINDOW:
    raising a threshold lowers the output of the inputs around it. All n sums come from one histogram over the 2n
    edges, in float64 and in a fixed order, so that training repeats bitwise.
    """
    edges = torch.cat([thresholds - WINDOW, thresholds + WINDOW])
    edges, order = torch.sort(edges, stable=True)
    bins = _counts(x.flatten(), edges, right=False).long()
    sums = torch.bincount(bins, weights=upstream.flatten().double(), minlength=len(edges) + 1)
    below = torch.empty(len(edges), dtype=torch.float64, device=x.device)
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
            if ctx.mode == "clipped":
                to_x = gated(upstream, x, low, high)
            else:
                to_x = upstream * slope(x, thresholds, ctx.step, low, high, ctx.mode)
        if ctx.needs_input_grad[1]:
            to_thresholds = threshold_gradient(x, upstream.detach(), thresholds, ctx.step)
        return to_x, to_thresholds, None, None, None
