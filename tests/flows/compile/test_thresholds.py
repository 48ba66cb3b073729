"""Exact thresholds against a plain walk over every accumulator value."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flows.compile.staircase import Affine, CountThresholds, LeakyRelu, Quantize, Staircase
from flows.compile.thresholds import channel_thresholds, layer_thresholds
from flows.errors import FlowError


def counted(thresholds: list[int], value: int, low: int) -> int:
    return low + sum(t <= value for t in thresholds)


@pytest.mark.parametrize("seed", range(8))
def test_thresholds_reproduce_the_staircase_at_every_accumulator(seed: int) -> None:
    random = np.random.default_rng(seed)
    table = sorted(Fraction(float(np.float32(v))) for v in random.normal(0, 3, 7))
    steps = (
        Affine(
            (Fraction(float(np.float32(random.uniform(0.01, 0.3)))),), (Fraction(float(np.float32(random.normal()))),)
        ),
        CountThresholds([table]),
    )
    stairs = Staircase(steps, 0, 7)
    found = channel_thresholds(stairs, 0, -60, 75)
    assert found == sorted(found)
    assert all(counted(found, a, 0) == stairs(a, 0) for a in range(-60, 76))


def test_uniform_quantizer_breaks_ties_to_even() -> None:
    stairs = Staircase((Affine((Fraction(1, 2),)), LeakyRelu(), Quantize((Fraction(1),), Fraction(0), 0, 3)), 0, 3)
    # 0.5 -> 0, 1.5 -> 2, 2.5 -> 2: accumulators 1, 3, 5 sit exactly on the ties
    assert [stairs(a, 0) for a in range(-2, 8)] == [0, 0, 0, 0, 1, 2, 2, 2, 3, 3]
    assert channel_thresholds(stairs, 0, -4, 9) == [2, 3, 6]


def test_steps_outside_the_reachable_range_sit_at_its_ends() -> None:
    stairs = Staircase((CountThresholds([[Fraction(-100), Fraction(0), Fraction(100)]]),), 0, 3)
    assert channel_thresholds(stairs, 0, -5, 5) == [-5, 0, 6]


def test_a_negative_scale_needs_the_negated_accumulator() -> None:
    stairs = Staircase((Affine((Fraction(-1, 3),)), CountThresholds([[Fraction(-1), Fraction(1)]])), 0, 2)
    with pytest.raises(FlowError, match="expected a rising function of the accumulator, got 2 at -9, 0 at 9"):
        channel_thresholds(stairs, 0, -9, 9)
    table = layer_thresholds(stairs, [-1], [(-9, 9)])
    assert all(counted(list(table[0]), -a, 0) == stairs(a, 0) for a in range(-9, 10))


def test_a_signed_quantizer_counts_from_its_lowest_code() -> None:
    stairs = Staircase((Quantize((Fraction(1, 3),), Fraction(0), -2, 1),), -2, 1)
    found = channel_thresholds(stairs, 0, -3, 3)
    assert all(counted(found, a, -2) == stairs(a, 0) for a in range(-3, 4))
