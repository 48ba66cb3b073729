"""What an attack takes and gives; the 8-bit grid that every adversarial example lies on."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, prod
from typing import Protocol

import numpy as np

from flows.errors import FlowError

LINF, L2 = "linf", "l2"


def grid_epsilon(epsilon: float) -> int:
    """Budget in 1/255 steps: the largest whole number of pixel codes not above `epsilon` (pixel units, 0..1)."""
    if not 0 <= epsilon <= 1:
        raise FlowError(f"epsilon: expected pixel units from 0 to 1, got {epsilon}")
    return int(np.floor(epsilon * 255 + 1e-9))


def grid_budget(epsilon: float, norm: str) -> int:
    """What a changed image is measured against: largest change of one pixel in codes (`linf`, see `grid_epsilon`), or
    largest sum of squared changes in codes (`l2`, `epsilon` in pixel units, 0 or more). Raises FlowError."""
    if norm == LINF:
        return grid_epsilon(epsilon)
    if norm != L2:
        raise FlowError(f"norm: expected {LINF} or {L2}, got {norm!r}")
    if not (isfinite(epsilon) and epsilon >= 0):
        raise FlowError(f"epsilon: expected an L2 distance in pixel units of 0 or more, got {epsilon}")
    return floor((epsilon * 255) ** 2 + 1e-6)


def grid_distances(images: np.ndarray, originals: np.ndarray, norm: str) -> np.ndarray:
    """Exact distances int64 (N,) of uint8 (N, C, H, W) images, in the units of `grid_budget`."""
    change = np.abs(images.astype(np.int64) - originals).reshape(len(images), prod(images.shape[1:]))
    return change.max(axis=1, initial=0) if norm == LINF else (change**2).sum(axis=1)


@dataclass(frozen=True, slots=True)
class AdversarialBatch:
    """Result of one attack on N images.

    `images`: uint8 (N, C, H, W), within `epsilon` of the originals on the 8-bit grid (the original itself where the
    attack failed). `success`: bool (N,), the target's own prediction for `images[i]` is wrong. `queries`: int64 (N,)
    images sent to the target for each. `attack`, `target`: names. `epsilon`: pixel units. `seed`.
    `details`: JSON-able extras (steps, restarts, backward pass, zero-gradient share). `norm`: of `epsilon`, `linf` or
    `l2`.
    """

    images: np.ndarray
    success: np.ndarray
    queries: np.ndarray
    attack: str
    target: str
    epsilon: float
    seed: int
    details: dict[str, object]
    norm: str = LINF

    def check(self, originals: np.ndarray) -> None:
        """Raises FlowError unless the images are uint8, shaped like `originals` and within epsilon of them."""
        if self.images.dtype != np.uint8 or self.images.shape != originals.shape:
            raise FlowError(
                f"{self.attack}: expected uint8 {originals.shape}, got {self.images.dtype} {self.images.shape}"
            )
        distance = int(grid_distances(self.images, originals, self.norm).max(initial=0))
        budget = grid_budget(self.epsilon, self.norm)
        if distance > budget and self.norm == LINF:
            raise FlowError(f"{self.attack}: moved a pixel by {distance}/255, budget {budget}/255")
        if distance > budget:
            raise FlowError(f"{self.attack}: moved an image by sqrt({distance})/255, budget sqrt({budget})/255")


class Attack(Protocol):
    """An attack: hyperparameters keyword-only in the constructor, data in the call."""

    name: str

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: int64 (N,) true classes; `epsilon`: budget in pixel units, in
        the attack's norm (`norm`, where it has one; else L-infinity, 0..1)."""
