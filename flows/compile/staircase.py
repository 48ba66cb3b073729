"""The chain between an integer accumulator and the next integer code, evaluated in exact rational arithmetic."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np


def exact(values: np.ndarray | float) -> list[Fraction]:
    """Floats (any shape) as the rationals that they are, flattened."""
    return [Fraction(float(value)) for value in np.asarray(values).reshape(-1)]


class Step(Protocol):
    """One node of the chain as a monotone function of one channel's value."""

    def __call__(self, value: Fraction, channel: int) -> Fraction: ...


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiplication by a constant per channel (or one for all)."""

    factors: list[Fraction]

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return value * self.factors[channel if len(self.factors) > 1 else 0]


@dataclass(frozen=True, slots=True)
class Offset:
    """Addition of a constant per channel (or one for all)."""

    terms: list[Fraction]

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return value + self.terms[channel if len(self.terms) > 1 else 0]


@dataclass(frozen=True, slots=True)
class Relu:
    def __call__(self, value: Fraction, channel: int) -> Fraction:
        return max(value, Fraction(0))


@dataclass(frozen=True, slots=True)
class Quantize:
    """QONNX `Quant` up to its integer: clip(round_half_even(x / scale + zero_point)), `low` and `high` inclusive."""

    scale: Fraction
    zero_point: Fraction
    low: int
    high: int

    def __call__(self, value: Fraction, channel: int) -> Fraction:
        # Python's round() of a Fraction is exact and breaks ties to even, like QONNX's ROUND
        return Fraction(min(max(round(value / self.scale + self.zero_point), self.low), self.high))


@dataclass(frozen=True, slots=True)
class CountThresholds:
    """QONNX `MultiThreshold`: how many of the channel's thresholds are at or below the value."""

    thresholds: list[list[Fraction]]

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
class Staircase:
    """`steps` in order, the last of which gives the integer code; `low`, `high`: range of that code."""

    steps: tuple[Step, ...]
    low: int
    high: int

    def __call__(self, accumulator: int, channel: int) -> int:
        """The code for one accumulator value, exactly. `accumulator`: any integer."""
        value = Fraction(accumulator)
        for step in self.steps:
            value = step(value, channel)
        return int(value)

    def signed(self, sign: int) -> Staircase:
        """The same function of `sign * accumulator`."""
        return self if sign > 0 else Staircase((Scale([Fraction(-1)]), *self.steps), self.low, self.high)
