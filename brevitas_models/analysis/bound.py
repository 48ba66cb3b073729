"""How much a network can amplify noise at most: a Lipschitz bound, composed block by block (DQ, arXiv 1904.08444).

In the L2 norm, with sigma the largest singular value of a layer's matrix with the batch norm's factor in it:

* linear: sigma. Convolution: sigma * sqrt(r), r the number of patches that one pixel lies in,
  ceil(kh / sh) * ceil(kw / sw), because the patches together are at most sqrt(r) times as long as the picture.
* an activation: 1 for ReLU and uniform steps; for DQA the step over the smallest gap between two thresholds. A
  quantizer has no Lipschitz constant: |Q(a) - Q(b)| <= slope * |a - b| + step. The bound is that of the slopes; each
  quantizer may add up to one step per element to it.
* max pool over blocks that do not overlap, borders, flattening: 1. Sum over n elements times f: f * sqrt(n).
* one after the other: the product. Residual block: the sum of its branches, because
  ||(f + g)(a) - (f + g)(b)|| <= (L_f + L_g) ||a - b||; the identity's branch is 1. So a residual network's bound is a
  product of sums, and layers of norm 1 alone do not keep it at 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from brevitas_models.defences.lipschitz import layer_matrix
from brevitas_models.networks.layer import Layer
from brevitas_models.networks.network import Block, Network
from brevitas_models.networks.pooling import GlobalSum
from brevitas_models.networks.residual import Residual


@dataclass(frozen=True, slots=True)
class Bound:
    """`factors`: of each block in order, then of the last layer; `product`: of the whole network, the input's
    quantizer included: logits over pixels. None where a quantizer has a single threshold, which has no slope."""

    factors: tuple[float | None, ...]
    product: float | None


def slope(activation: nn.Module) -> float | None:
    """Of the straight lines between an activation's steps, at most; None with a single threshold."""
    if not hasattr(activation, "thresholds"):
        return 1.0
    gaps = activation.thresholds.detach().double().diff()
    return activation.levels.step / gaps.min().item() if len(gaps) else None


def linear_factor(linear: nn.Module, norm: nn.Module | None = None) -> float:
    """Of a convolution or linear layer with what follows it per channel."""
    sigma = torch.linalg.matrix_norm(layer_matrix(linear, norm), ord=2).item()
    if not isinstance(linear, nn.Conv2d):
        return sigma
    patches = math.prod(math.ceil(k / s) for k, s in zip(linear.kernel_size, linear.stride, strict=True))
    return sigma * math.sqrt(patches)


def _times(*factors: float | None) -> float | None:
    return None if None in factors else math.prod(factors)


def _layer(layer: Layer) -> float | None:
    return _times(linear_factor(layer.linear, layer.norm), slope(layer.activation))


def block_factor(block: Block) -> float | None:
    """Of one block of a network, as the module's text says."""
    if isinstance(block, GlobalSum):
        return block.factor * math.sqrt(block.elements)
    if isinstance(block, Residual):
        body = _times(*map(_layer, block.body))
        shortcut = 1.0 if block.shortcut is None else _layer(block.shortcut)
        if body is None or shortcut is None:
            return None
        return _times(body + shortcut, slope(block.activation))
    return _layer(block)


@torch.no_grad()
def bound(network: Network) -> Bound:
    """The composed bound of a network, trained or deployed."""
    factors = (*map(block_factor, network.blocks), linear_factor(network.last))
    entry = 1.0 if network.entry is None else slope(network.entry)
    return Bound(factors, _times(entry, *factors))
