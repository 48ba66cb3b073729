"""What a white-box attack climbs: losses of the logits that grow as the right class loses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flows.errors import FlowError

Loss = Callable[[Tensor, Tensor], Tensor]
FLAT = 1e-12  # smallest denominator of DLR: a quantized network may give equal logits


def cross_entropy(logits: Tensor, right: Tensor) -> Tensor:
    """Logits (N, classes), right classes int64 (N,) -> (N,), one loss per image."""
    return torch.nn.functional.cross_entropy(logits, right, reduction="none")


def margin(logits: Tensor, right: Tensor) -> Tensor:
    """Best wrong logit - right logit (Carlini and Wagner 2017, f6): does not fade where logits are large. (N,)."""
    chosen = torch.nn.functional.one_hot(right, logits.shape[1]).bool()
    return logits.masked_fill(chosen, -torch.inf).amax(dim=1) - logits[chosen]


def dlr(logits: Tensor, right: Tensor) -> Tensor:
    """Difference of logits ratio (Croce and Hein 2020, arXiv 2003.01690, eq. 6): the margin divided by the distance
    of the first to the third logit, so that neither shift nor scale of the logits matters. (N,)."""
    ordered = _ordered(logits, 3)
    return margin(logits, right) / (ordered[:, 0] - ordered[:, 2]).clamp(min=FLAT)


def targeted_dlr(logits: Tensor, right: Tensor, wanted: Tensor) -> Tensor:
    """Towards the class `wanted` int64 (N,) (Croce and Hein 2020, eq. 7). (N,)."""
    ordered = _ordered(logits, 4)
    rows = torch.arange(len(logits))
    width = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    return (logits[rows, wanted] - logits[rows, right]) / width.clamp(min=FLAT)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "margin": margin, "dlr": dlr}


def _ordered(logits: Tensor, classes: int) -> Tensor:
    if logits.shape[1] < classes:
        raise FlowError(f"DLR loss: expected at least {classes} classes, got {logits.shape[1]}; use the margin")
    return logits.sort(dim=1, descending=True).values
