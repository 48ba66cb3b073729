"""JR, Jacobian regularization (Hoffman et al. 2019, arXiv 1908.02729; per layer as in arXiv 2304.12829).

L = L_CE + (lambda / 2) * ||J||_F^2, J the Jacobian of the logits to the pixels. Its squared norm is estimated with
random directions v, uniform on the sphere of the C outputs: (C / (n B)) * sum ||v^T J||^2 over n directions and B
pictures, an unbiased estimate because E[v v^T] = I / C. The per-layer form adds the same for every hidden
block's output.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_norm(outputs: Tensor, pixels: Tensor, projections: int, generator: torch.Generator) -> Tensor:
    """Estimate of mean ||d outputs / d pixels||_F^2 per picture: a differentiable scalar.

    `outputs`: (N, ...) computed from `pixels` (N, C, H, W), which require a gradient. Quantizers count with the
    gradient they pretend to have. `projections`: directions, at least 1; their mean is the estimate.
    """
    flat = outputs.flatten(1)
    total = torch.zeros(())
    for _ in range(projections):
        direction = torch.randn(flat.shape, generator=generator).to(flat.device)
        direction = direction / direction.norm(dim=1, keepdim=True)
        (gradient,) = torch.autograd.grad((flat * direction).sum(), pixels, create_graph=True)
        total = total + gradient.square().sum()
    return total * (flat.shape[1] / (projections * len(flat)))


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
    total = torch.zeros(())
    if logits_weight:
        total = total + logits_weight / 2 * squared_norm(logits, pixels, projections, generator)
    if layers_weight:
        for outputs in hidden:
            share = outputs[0].numel() * len(hidden)
            total = total + layers_weight / (2 * share) * squared_norm(outputs, pixels, projections, generator)
    return total
