"""Stored images and the scores of the golden model, to see that the accelerator computes what was trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from flows.errors import FlowError

FILE = "check.npz"


def check(predict: Callable[[np.ndarray], np.ndarray], path: Path) -> int:
    """How many images gave the stored scores, which is all of them. Raises FlowError where one differs."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, expected = arrays["images"], arrays["scores"]
    except (OSError, ValueError, KeyError) as error:
        raise FlowError(f"{path}: expected stored images and scores, got {error!r}; make the package again") from error
    got = predict(images)
    wrong = np.flatnonzero((got != expected).any(axis=1))
    if len(wrong):
        first = int(wrong[0])
        raise FlowError(
            f"{len(wrong)} of {len(images)} images get other scores than the golden model; image {first}: expected "
            f"{expected[first].tolist()}, got {got[first].tolist()}; is this bitfile the one of this package?"
        )
    return len(images)
