"""What the fuzzer finds."""

from __future__ import annotations

import numpy as np


class Disagreement(AssertionError):
    """Two engines gave different integers, or the circuit another number of cycles."""


def equal(what: str, expected: np.ndarray, got: np.ndarray) -> None:
    """Raises Disagreement with the first place where two arrays differ."""
    if not np.array_equal(expected, got.reshape(expected.shape)):
        place = tuple(int(i) for i in np.argwhere(expected != got.reshape(expected.shape))[0])
        raise Disagreement(f"{what}: at {place} expected {expected[place]}, got {got.reshape(expected.shape)[place]}")
