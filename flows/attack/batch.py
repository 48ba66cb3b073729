"""What an attack takes and gives; the 8-bit grid that every adversarial example lies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flows.errors import FlowError


def grid_epsilon(epsilon: float) -> int:
    """Budget in 1/255 steps: the largest whole number of pixel codes not above `epsilon` (pixel units, 0..1)."""
    if not 0 <= epsilon <= 1:
        raise FlowError(f"epsilon: expected pixel units from 0 to 1, got {epsilon}")
    return int(np.floor(epsilon * 255 + 1e-9))


@dataclass(frozen=True, slots=True)
class AdversarialBatch:
    """Result of one attack on N images.

    `images`: uint8 (N, C, H, W), within `epsilon` of the originals on the 8-bit grid (the original itself where the
    attack failed). `success`: bool (N,), the target's own prediction for `images[i]` is wrong. `queries`: int64 (N,)
    images sent to the target for each. `attack`, `target`: names. `epsilon`: pixel units. `seed`.
    `details`: JSON-able extras (steps, restarts, backward pass, zero-gradient share).
    """

    images: np.ndarray
    success: np.ndarray
    queries: np.ndarray
    attack: str
    target: str
    epsilon: float
    seed: int
    details: dict[str, object]

    def check(self, originals: np.ndarray) -> None:
        """Raises FlowError unless the images are uint8, shaped like `originals` and within epsilon of them."""
        if self.images.dtype != np.uint8 or self.images.shape != originals.shape:
            raise FlowError(
                f"{self.attack}: expected uint8 {originals.shape}, got {self.images.dtype} {self.images.shape}"
            )
        distance = int(np.abs(self.images.astype(np.int16) - originals.astype(np.int16)).max(initial=0))
        if distance > grid_epsilon(self.epsilon):
            raise FlowError(f"{self.attack}: moved a pixel by {distance}/255, budget {grid_epsilon(self.epsilon)}/255")


class Attack(Protocol):
    """An attack: hyperparameters keyword-only in the constructor, data in the call."""

    name: str

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: int64 (N,) true classes; `epsilon`: L-infinity budget, pixel units 0..1."""
