"""DQ, defensive quantization (arXiv 1904.08444): layers that do not amplify noise.

L = L_CE + (beta / 2) * sum_l ||W_l^T W_l - I||_F^2 pulls all singular values of every layer to 1. A convolution
counts as the matrix (outputs, inputs * k * k); its true operator norm is at most k times that matrix's.
Batch norm follows these layers and rescales each channel, so the regularizer fixes a layer's *shape* (singular
values equal to each other) and batch norm its size: `spectral_norms` reports both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brevitas_models.deploy import Affine, fold
from brevitas_models.networks.network import Network


def weight_matrix(linear: nn.Module) -> Tensor:
    """The weight as the layer uses it, quantized if it quantizes, as a matrix (outputs, everything else)."""
    weight = linear.quant_weight().value if hasattr(linear, "quant_weight") else linear.weight
    return weight.flatten(1)


def gram_penalty(matrix: Tensor) -> Tensor:
    """||G - I||_F^2 of the smaller Gram matrix G, a scalar: W W^T if there are fewer rows than columns.

    Both Gram matrices have the same non-zero eigenvalues, so ||W^T W - I||_F^2 exceeds this by the constant
    columns - rows (if positive): same gradient, less work, and 0 is reached when all singular values are 1.
    """
    rows, columns = matrix.shape
    gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()


def layer_penalty(linear: nn.Module) -> Tensor:
    """`gram_penalty` of one layer. The channels of a depthwise convolution do not meet: each one's row counts alone."""
    matrix = weight_matrix(linear)
    if getattr(linear, "groups", 1) > 1:
        return (matrix.square().sum(dim=1) - 1).square().sum()
    return gram_penalty(matrix)


def penalty(network: Network, beta: float) -> Tensor:
    """(beta / 2) * sum of `layer_penalty` over all convolutions and linear layers; a differentiable scalar."""
    return beta / 2 * sum((layer_penalty(linear) for linear in network.linears), torch.zeros(()))


@dataclass(frozen=True, slots=True)
class SpectralNorm:
    """Largest singular value of a layer: `weight` of its matrix alone, `effective` with the per-channel factor of the
    batch norm (or deployed affine) behind it, which is what noise meets before the activation."""

    layer: str
    weight: float
    effective: float


def layer_matrix(linear: nn.Module, norm: nn.Module | None = None) -> Tensor:
    """The layer as a float64 matrix, depthwise channels on the diagonal, each row times the factor of the batch norm
    (or deployed affine) behind it."""
    matrix = weight_matrix(linear).detach().double()
    if getattr(linear, "groups", 1) > 1:
        matrix = torch.block_diag(*matrix.unsqueeze(1))
    if norm is None:
        return matrix
    factor = norm.factor.double() if isinstance(norm, Affine) else fold(norm)[0]
    return factor[:, None] * matrix


@torch.no_grad()
def spectral_norms(network: Network) -> list[SpectralNorm]:
    """Of every layer in order, of the weights as deployed (float64 singular values)."""
    norms = []
    for index, linear in enumerate(network.linears):
        norm = network.layers[index].norm if index < len(network.layers) else None
        name = f"layer{index}" if index < len(network.layers) else "last"
        values = [torch.linalg.matrix_norm(layer_matrix(linear, part), ord=2).item() for part in (None, norm)]
        norms.append(SpectralNorm(name, *values))
    return norms
