"""Integer thresholds of a staircase, by bisection of that very function, checked on both sides of every step.

Algebra on floating-point scales moves thresholds by one now and then (FINN issue 1635); bisection over the known
range of an integer accumulator, in rational arithmetic, cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.compile.staircase import Staircase
from flows.errors import FlowError


def channel_thresholds(stairs: Staircase, channel: int, low: int, high: int) -> list[int]:
    """Thresholds t (ascending) of one channel with `stairs(a) == stairs.low + stairs.step * #{t <= a}` for every
    integer a of [low, high].

    A step below the range is put at `low`, one that is never reached at `high + 1`. Raises FlowError where the
    function falls instead of rises.
    """
    first, last = stairs(low, channel), stairs(high, channel)
    if last < first:
        raise FlowError(
            f"channel {channel}: expected a rising function of the accumulator, got {first} at {low}, {last} at {high}"
        )
    result: list[int] = []
    floor = low
    for code in range(stairs.low + stairs.step, stairs.high + 1, stairs.step):
        if code <= first:
            result.append(low)
            continue
        if code > last:
            result.append(high + 1)
            continue
        below, above = floor, high  # stairs(below) < code <= stairs(above)
        while above - below > 1:
            middle = (below + above) // 2
            if stairs(middle, channel) < code:
                below = middle
            else:
                above = middle
        if not stairs(above - 1, channel) < code <= stairs(above, channel):
            raise FlowError(f"channel {channel}: the step to {code} was not found between {low} and {high}")
        result.append(above)
        floor = above - 1
    return result


def layer_thresholds(stairs: Staircase, signs: Sequence[int], ranges: Sequence[tuple[int, int]]) -> np.ndarray:
    """int64 (channels, steps). `signs[c]`: -1 where the unit's weights of channel c are negated; `ranges[c]`: least and
    greatest accumulator that channel c of the unit can reach."""
    rows = [
        channel_thresholds(stairs.signed(sign), channel, low, high)
        for channel, (sign, (low, high)) in enumerate(zip(signs, ranges, strict=True))
    ]
    return np.array(rows, dtype=np.int64)
