"""Input gradients of the twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from brevitas_models.quantizers.backward import MODES, SelectableBackward, backward_pass
from flows.attack.losses import LOSSES, Loss
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget


class Answer(NamedTuple):
    """What a network says about n images. `logits`: float32 (n, classes). `wrong`: bool (n,), ties to the lowest
    class. `loss`: float32 (n,). `gradient`: d loss / d pixels, float32 like the images; zeros where the network is cut
    off from its input."""

    logits: Tensor
    wrong: np.ndarray
    loss: Tensor
    gradient: Tensor


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


@contextmanager
def attacked(target: TorchTarget, backward: str) -> Iterator[None]:
    """Within the context quantizers pass gradients as `backward` says, and no parameter asks for one of its own
    (a third of the work of a backward pass); afterwards everything is as it was."""
    learned = [parameter for parameter in target.module.parameters() if parameter.requires_grad]
    try:
        for parameter in learned:
            parameter.requires_grad_(False)
        with backward_pass(target.module, backward):
            yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def pixels(codes: Tensor) -> Tensor:
    """Codes 0..255 (float32) -> pixels as `TorchTarget.predict` makes them, bit for bit."""
    return codes / 255


def wrong(logits: Tensor, right: Tensor) -> np.ndarray:
    """Logits (n, classes), classes (n,) -> bool (n,); of equal logits the lowest class counts, as in circuits."""
    return logits.detach().numpy().argmax(axis=1) != right.numpy()


def ask(target: TorchTarget, codes: Tensor, right: Tensor, loss: Loss, gradient: bool = True) -> Answer:
    """One forward and, unless `gradient` is False (then it is zero), one backward pass.

    `codes`: float32 (n, C, H, W), 0..255; `right`: true classes int64 (n,).
    """
    with torch.set_grad_enabled(gradient):
        x = pixels(codes).requires_grad_(gradient)
        logits = target.logits(x)
        value = loss(logits, right)
        slope = None
        if value.requires_grad:
            # summed, not averaged: an image's gradient must not depend on its batch
            (slope,) = torch.autograd.grad(value.sum(), x, allow_unused=True)
    slope = torch.zeros_like(codes) if slope is None else slope
    return Answer(logits.detach(), wrong(logits, right), value.detach(), slope)


def jacobian(outputs: Tensor, x: Tensor) -> Tensor:
    """d outputs / d x: outputs (n, k), computed from x (n, C, H, W) image by image -> (n, k, C, H, W)."""
    rows = []
    for column in outputs.unbind(1):
        slope = None
        if column.requires_grad:
            (slope,) = torch.autograd.grad(column.sum(), x, retain_graph=True, allow_unused=True)
        rows.append(torch.zeros_like(x) if slope is None else slope)
    return torch.stack(rows, dim=1).detach()


def loss_and_gradient(
    target: TorchTarget, codes: np.ndarray, y: np.ndarray, loss: str = "cross_entropy"
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 (N, classes) and d loss / d pixels float32 (N, C, H, W) at pixel codes (uint8, same shape).

    `loss`: a name of `flows.attack.losses.LOSSES`. A network cut off from its input gives zeros.
    """
    images, right = torch.from_numpy(codes.astype(np.float32)), torch.from_numpy(y.astype(np.int64))
    answer = ask(target, images, right, LOSSES[loss])
    return answer.logits.numpy(), answer.gradient.numpy()
