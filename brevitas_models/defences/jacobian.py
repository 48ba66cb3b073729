"""JR, Jacobian regularization (Hoffman et al. 2019, arXiv 1908.02729; per layer as in arXiv 2304.12829).

L = L_CE + (lambda / 2) * ||J||_F^2, J the Jacobian of the logits to the pixels. Its squared norm is estimated with
random directions v, uniform on the sphere of the C outputs: (C / (n B)) * sum ||v^T J||^2 over n directions and B
pictures, an unbiased estimate because E[v v^T] = I / C. The per-layer form adds the same for every hidden block's
output. All of them cost one backward pass: with independent directions, E[v_k v_l^T] = 0, so the squared norm of the
*sum* of all v_l^T J_l is on average the sum of their squared norms.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor


def squared_norms(
    outputs: Sequence[Tensor],
    weights: Sequence[float],
    pixels: Tensor,
    projections: int,
    generator: torch.Generator,
) -> Tensor:
    """Estimate of sum_l weights[l] * mean ||d outputs[l] / d pixels||_F^2 per picture: a differentiable scalar.

    `outputs`: tensors (N, ...) computed from `pixels` (N, C, H, W), which require a gradient; `weights`: as many,
    above 0. Quantizers count with the gradient they pretend to have. `projections`: directions of each output, at
    least 1; their mean is the estimate.
    """
    total = torch.zeros(())
    for _ in range(projections):
        projected = torch.zeros((), device=pixels.device)
        for output, weight in zip(outputs, weights, strict=True):
            flat = output.flatten(1)
            direction = torch.randn(flat.shape, generator=generator).to(flat.device)
            direction = direction / direction.norm(dim=1, keepdim=True)
            projected = projected + sqrt(weight * flat.shape[1]) * (flat * direction).sum()
        (gradient,) = torch.autograd.grad(projected, pixels, create_graph=True)
        total = total + gradient.square().sum()
    return total / (projections * len(pixels))


def full_squared_norm(outputs: Tensor, pixels: Tensor) -> Tensor:
    """The same, computed whole: one backward pass per output. For checks and small networks."""
    flat = outputs.flatten(1)
    total = torch.zeros(())
    for column in flat.T:
        (gradient,) = torch.autograd.grad(column.sum(), pixels, create_graph=True)
        total = total + gradient.square().sum()
    return total / len(flat)


def penalty(
    trace: list[Tensor],
    pixels: Tensor,
    logits_weight: float,
    layers_weight: float,
    projections: int,
    generator: torch.Generator,
) -> Tensor:
    """(logits_weight / 2) * ||J||^2 of the logits, plus (layers_weight / 2) * the mean of ||J_l||^2 over hidden blocks.

    `trace`: what `Network.trace` gives for `pixels`: every block's output, then the logits. Each J_l is divided by
    the block's number of outputs, so that wide layers do not count for more than narrow ones.
    """
    *hidden, logits = trace
    terms = [(logits, logits_weight / 2)]
    terms += [(outputs, layers_weight / (2 * outputs[0].numel() * len(hidden))) for outputs in hidden]
    used = [(outputs, weight) for outputs, weight in terms if weight]
    if not used:
        return torch.zeros(())
    return squared_norms(*zip(*used, strict=True), pixels, projections, generator)
