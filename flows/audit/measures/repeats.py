"""Whether a network says the same twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flows.attack.common import at_least, check_data
from flows.targets.target import Target


class Repeats(NamedTuple):
    """Shares (0..1) of `images` images of which, in `draws` tries, some score (`scores`) or the class (`classes`)
    was not always the same."""

    scores: float
    classes: float
    images: int
    draws: int


def repeats(target: Target, x: np.ndarray, y: np.ndarray, *, draws: int) -> Repeats:
    """Shows the images `x`, uint8 (N, C, H, W), `draws` times, at least twice. Raises FlowError for other data."""
    check_data("repeats", x, y, 0.0)
    at_least("repeats draws", draws, 2)
    first = target.predict(x)
    scores, classes = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for _ in range(draws - 1):
        again = target.predict(x)
        scores |= (again != first).any(axis=1)
        classes |= again.argmax(axis=1) != first.argmax(axis=1)
    return Repeats(float(scores.mean()), float(classes.mean()), len(x), draws)
