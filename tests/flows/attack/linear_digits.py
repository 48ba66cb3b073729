"""The smallest circuit that reads digits."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from tests.flows.golden.small_dataflow import linear


def classifier(x: np.ndarray, y: np.ndarray) -> Dataflow:
    """Least squares on the first 1400 digits, uint8 (N, 1, 8, 8) and int64 (N,), rounded to 8-bit weights."""
    pixels, wanted = x[:1400].reshape(1400, 64).astype(float), np.eye(10)[y[:1400]] * 2 - 1
    solution = np.linalg.lstsq(np.c_[pixels, np.ones(1400)], wanted, rcond=None)[0]
    scale = 127 / np.abs(solution[:-1]).max()
    rounded = np.rint(solution * scale).astype(int)
    return linear(rounded[:-1].T, rounded[-1])
