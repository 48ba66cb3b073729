"""When a network that draws random numbers counts as fooled: by the majority of several fresh draws."""

from __future__ import annotations

import numpy as np

from flows.attack.common import labels
from flows.targets.target import Target


class Majority:
    """An image fools if more than half of `draws` fresh predictions are wrong: the network is then more likely wrong
    than right on it. One draw would call luck a success, and "wrong once in `draws`" would make noise an attack."""

    def __init__(self, draws: int) -> None:
        self.draws = draws

    def __call__(self, target: Target, images: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        """uint8 (N, C, H, W), classes (N,) -> bool (N,), and the queries per image."""
        wrong = np.zeros(len(images), np.int64)
        for _ in range(self.draws):
            wrong += labels(target, images) != y
        return 2 * wrong > self.draws, self.draws


def is_random(target: Target, images: np.ndarray, draws: int = 4) -> bool:
    """Whether the same images, uint8 (N, C, H, W), get other scores when asked `draws` times."""
    first = target.predict(images)
    return any(not np.array_equal(first, target.predict(images)) for _ in range(draws - 1))
