"""Two lines around a staircase, in integers: what carries a bound backwards through an activation (after DeepPoly,
Singh et al. 2019, and CROWN, Zhang et al. 2018, arXiv 1811.00866, whose lines are real numbers)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.certify.bounds import Box
from hw.op import Op

SLOPE_BITS = 12  # slopes are whole multiples of 2**-12


@dataclass(frozen=True, slots=True)
class Lines:
    """For every integer acc of the box: slope * acc + low <= code << SLOPE_BITS <= slope * acc + high. int64 (N, C)."""

    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray


def lines(threshold: Op, box: Box) -> Lines:
    """Parallel lines through the staircase's corners, their slope that of the chord over `box`, (N, C).

    A step's upper corner is at its threshold, the lower one just before; between two corners the code is constant, so a
    line that holds at the corners and at both ends of the box holds at every integer between.
    """
    table, scale = threshold.thresholds, 1 << SLOPE_BITS  # (C, T)
    first, last = threshold.golden(box.low), threshold.golden(box.high)
    width = np.maximum(box.high - box.low, 1)
    slope = (last - first) * scale // width
    ends = np.stack([first * scale - slope * box.low, last * scale - slope * box.high])
    low, high = ends.min(axis=0), ends.max(axis=0)
    for index in range(table.shape[1]):
        corner = table[:, index]
        inside = (corner > box.low) & (corner <= box.high)
        after = threshold.golden(np.broadcast_to(corner, box.low.shape))
        before = threshold.golden(np.broadcast_to(corner - 1, box.low.shape))
        reached = after * scale - slope * corner
        left = before * scale - slope * (corner - 1)
        for values in (reached, left):
            high = np.where(inside, np.maximum(high, values), high)
            low = np.where(inside, np.minimum(low, values), low)
    return Lines(slope, low, high)
