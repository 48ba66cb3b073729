"""Layers whose weights hold still: quantize them once instead of in every forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def apply_linear(linear: nn.Module, x: Tensor) -> Tensor:
    """`linear(x)` of a bias-free convolution or linear layer, float32 whatever precision it computes in; a frozen one
    computes the same on its kept weight."""
    weight = getattr(linear, "frozen", None)
    if weight is None:
        return linear(x).float()
    if isinstance(linear, nn.Conv2d):
        return nn.functional.conv2d(x, weight, None, linear.stride, linear.padding, 1, linear.groups).float()
    return nn.functional.linear(x, weight).float()


@torch.no_grad()
def freeze(linears: list[nn.Module]) -> None:
    """Keeps each quantized weight as it is now; layers that do not quantize stay as they are."""
    for linear in linears:
        if hasattr(linear, "quant_weight"):
            linear.frozen = linear.quant_weight().value.detach().clone()


def thaw(linears: list[nn.Module]) -> None:
    """Undoes `freeze`."""
    for linear in linears:
        linear.frozen = None


@contextmanager
def frozen(linears: list[nn.Module], enabled: bool = True) -> Iterator[None]:
    """`freeze`, or `thaw` if not `enabled`, within the context; afterwards each layer is as it was before."""
    before = [getattr(linear, "frozen", None) for linear in linears]
    thaw(linears)
    if enabled:
        freeze(linears)
    try:
        yield
    finally:
        for linear, weight in zip(linears, before, strict=True):
            linear.frozen = weight
