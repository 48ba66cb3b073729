"""The chain between an integer and the next integer code, evaluated in exact rational arithmetic."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, trunc
from typing import Protocol

import numpy as np


def exact(values: np.ndarray | float) -> list[Fraction]:
    """Floats (any shape) as the rationals that they are, flattened."""
    return [Fraction(float(value)) for value in np.asarray(values).reshape(-1)]


class Step(Protocol):
    """One node of the chain as a monotone function of one channel's value."""

    def __call__(self, value: Fraction, channel: int) -> Fraction: ...


@dataclass(frozen=True, slots=True)
class Affine:
    """`factor * value + term`, per channel or one for all (each of the two by itself)."""

    factors: tuple[Fraction, ...]
    terms: tuple[Fraction, ...] = (Fraction(0),)

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        factor = self.factors[channel if len(self.factors) > 1 else 0]
        return value * factor + self.terms[channel if len(self.terms) > 1 else 0]

    def then(self, factors: tuple[Fraction, ...], terms: tuple[Fraction, ...] = (Fraction(0),)) -> Affine:
        """This one, and `factor * value + term` behind it."""
        product = spread(lambda a, f: a * f, self.factors, factors)
        return Affine(product, spread(lambda b, f, t: b * f + t, self.terms, factors, terms))


def spread(function, *columns: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """`function` of the columns, element by element; a column of one element stands for all channels."""
    length = max(map(len, columns))
    return tuple(function(*row) for row in zip(*(c * length if len(c) == 1 else c for c in columns), strict=True))


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """`value` above zero, `slope * value` below, a slope per channel or one for all; slope 0 is an ordinary Relu."""

    slopes: tuple[Fraction, ...] = (Fraction(0),)

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return value if value >= 0 else value * self.slopes[channel if len(self.slopes) > 1 else 0]


@dataclass(frozen=True, slots=True)
class Clip:
    """Between two bounds; None leaves that side open."""

    low: Fraction | None
    high: Fraction | None

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        if self.low is not None and value < self.low:
            value = self.low
        return self.high if self.high is not None and value > self.high else value


def _away(value: Fraction) -> int:
    return ceil(value) if value > 0 else floor(value)


def _half_away(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value > 0 else ceil(value - Fraction(1, 2))


def _half_to_zero(value: Fraction) -> int:
    return ceil(value - Fraction(1, 2)) if value > 0 else floor(value + Fraction(1, 2))


ROUNDING = {
    "ROUND": round,  # of a Fraction: exact, ties to even
    "HALF_EVEN": round,
    "FLOOR": floor,
    "CEIL": ceil,
    "DOWN": trunc,
    "ROUND_TO_ZERO": trunc,
    "UP": _away,
    "HALF_UP": _half_away,
    "HALF_DOWN": _half_to_zero,
}
"""QONNX's names of rounding modes (qonnx/custom_op/general/intquant.py) as exact functions of a Fraction."""


@dataclass(frozen=True, slots=True)
class Quantize:
    """QONNX `Quant` up to its integer: clip(rounded(x / scale + zero_point)), `low` and `high` inclusive; scale per
    channel or one for all."""

    scales: tuple[Fraction, ...]
    zero_point: Fraction
    low: int
    high: int
    rounding: str = "ROUND"
    step: int = 1

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        scale = self.scales[channel if len(self.scales) > 1 else 0]
        return Fraction(min(max(ROUNDING[self.rounding](value / scale + self.zero_point), self.low), self.high))


@dataclass(frozen=True, slots=True)
class Sign:
    """QONNX `BipolarQuant` up to its integer: 1 at and above `-zero_point * scale`, else -1."""

    edge: Fraction = Fraction(0)
    low: int = -1
    high: int = 1
    step: int = 2

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return Fraction(1 if value >= self.edge else -1)


@dataclass(frozen=True, slots=True)
class ThreeWaySign:
    """ONNX `Sign`: -1, 0 or 1."""

    low: int = -1
    high: int = 1
    step: int = 1

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return Fraction((value > 0) - (value < 0))


@dataclass(frozen=True, slots=True)
class CountThresholds:
    """QONNX `MultiThreshold`: how many of the channel's thresholds are at or below the value."""

    thresholds: list[list[Fraction]]
    step: int = 1

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        row = self.thresholds[channel if len(self.thresholds) > 1 else 0]
        return Fraction(bisect_right(row, value))

    @property
    def low(self) -> int:
        return 0

    @property
    def high(self) -> int:
        return len(self.thresholds[0])


@dataclass(frozen=True, slots=True)
class OnGrid:
    """The integer of a value that lies on the grid `lowest + step * integer`, for values known to lie on it."""

    grid: Fraction
    lowest: Fraction
    low: int
    high: int
    step: int = 1

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return (value - self.lowest) / self.grid


@dataclass(frozen=True, slots=True)
class Mirror:
    """`total - code` in the channels (or all) whose `flags` say so: a staircase that falls becomes one that rises."""

    flags: tuple[bool, ...]
    total: int

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return self.total - value if self.flags[channel if len(self.flags) > 1 else 0] else value


def chained(steps: tuple[Step, ...], integer: int, channel: int) -> Fraction:
    """What the steps, one behind the other, make of an integer."""
    value = Fraction(integer)
    for step in steps:
        value = step(value, channel)
    return value


@dataclass(frozen=True, slots=True)
class Staircase:
    """`steps` in order, the last of which gives the integer code; `low`, `high`: range of that code, `step` apart."""

    steps: tuple[Step, ...]
    low: int
    high: int
    step: int = 1

    def __call__(self, accumulator: int, channel: int) -> int:
        """The code for one accumulator value, exactly. `accumulator`: any integer."""
        return int(chained(self.steps, accumulator, channel))

    @property
    def per_channel(self) -> bool:
        """Whether one of the steps differs from channel to channel."""
        columns = ("factors", "terms", "scales", "slopes", "thresholds", "flags")
        return any(len(getattr(step, name, ())) > 1 for step in self.steps for name in columns)

    def signed(self, sign: int) -> Staircase:
        """The same function of `sign * accumulator`."""
        if sign > 0:
            return self
        return Staircase((Affine((Fraction(-1),)), *self.steps), self.low, self.high, self.step)
