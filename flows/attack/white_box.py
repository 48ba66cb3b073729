"""Input gradients of the twin. The only attack file besides the target that speaks torch."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.quantizers.backward import MODES, SelectableBackward
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget, to_pixels

LOSSES = ("cross_entropy", "margin")


def require_gradients(attack: str, target: object) -> TorchTarget:
    """`target`; raises FlowError where it has no gradients."""
    if not (hasattr(target, "module") and hasattr(target, "logits")):
        raise FlowError(
            f"{attack}: expected a target with gradients (TorchTarget), got {type(target).__name__}; attack the twin "
            "and replay its images on the circuit, or use the square attack"
        )
    return target


def backward_modes(target: TorchTarget, *, every: bool = False) -> tuple[str, ...]:
    """The backward passes that differ on this network: only `clipped` where it has no activation quantizer.

    The widest of the soft staircases, seldom the strongest, only where `every` one is asked for.
    """
    if not any(isinstance(module, SelectableBackward) for module in target.module.modules()):
        return MODES[:1]
    return MODES if every else tuple(mode for mode in MODES if mode != "staircase-wide")


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> str:
    """`value`; raises FlowError where it is none of `choices`."""
    if value not in choices:
        raise FlowError(f"{what}: expected one of {', '.join(choices)}, got {value!r}")
    return value


def loss_and_gradient(
    target: TorchTarget, codes: np.ndarray, y: np.ndarray, loss: str = "cross_entropy"
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 (N, classes) and d loss / d pixels float32 (N, C, H, W) at pixel codes (uint8, same shape).

    `loss`: `cross_entropy`, or `margin` = best wrong logit - right logit (Carlini and Wagner 2017, f6), whose
    gradient does not fade when logits are large. A network cut off from its input gives zeros.
    """
    x = to_pixels(codes).requires_grad_()
    logits = target.logits(x)
    gradient = None
    if logits.requires_grad:
        right = torch.from_numpy(y.astype(np.int64))
        (gradient,) = torch.autograd.grad(_loss(logits, right, loss), x, allow_unused=True)
    return logits.detach().numpy(), np.zeros(codes.shape, np.float32) if gradient is None else gradient.numpy()


def _loss(logits: torch.Tensor, right: torch.Tensor, loss: str) -> torch.Tensor:
    """Summed, not averaged: an image's gradient must not depend on its batch."""
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, right, reduction="sum")
    chosen = torch.nn.functional.one_hot(right, logits.shape[1]).bool()
    return (logits.masked_fill(chosen, -torch.inf).amax(dim=1) - logits[chosen]).sum()
