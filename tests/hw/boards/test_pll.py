"""Clock generator settings."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.boards.pll import MAX_ERROR, Pll, solve
from hw.errors import HardwareError


@pytest.mark.parametrize("wish", [3.125, 12, 20, 33.333, 40, 48.08, 50, 62.5, 75, 80, 100, 133.333, 200, 400])
def test_settings_are_legal_and_hit_the_frequency(wish):
    pll = solve(25, wish)
    assert pll.output_mhz == Fraction(25) / pll.input_divider * pll.feedback_divider / pll.output_divider
    assert abs(pll.output_mhz - Fraction(str(wish))) <= MAX_ERROR * Fraction(str(wish))
    assert pll.vco_mhz == pll.output_mhz * pll.output_divider
    assert 400 <= pll.vco_mhz <= 800
    assert Fraction(25) / pll.input_divider >= 10
    for divider in (pll.input_divider, pll.feedback_divider, pll.output_divider):
        assert 1 <= divider <= 128


def test_exact_frequencies_are_exact():
    assert solve(25, 40) == Pll(1, 32, 20, Fraction(800), Fraction(40))
    assert solve(25, 62.5).output_mhz == Fraction(125, 2)


def test_unreachable_frequencies():
    for wish in (3, 48, 401, 1000, 157.3):
        with pytest.raises(HardwareError, match=rf"no clock of {wish} MHz can be made from 25 MHz; the nearest is"):
            solve(25, wish)
    with pytest.raises(HardwareError, match="no clock of 50 MHz can be made from 5 MHz$"):
        solve(5, 50)
    with pytest.raises(HardwareError, match="expected clocks above 0 MHz, got 25 and 0"):
        solve(25, 0)


@given(st.integers(16, 32), st.integers(2, 128))
def test_every_frequency_of_the_oscillator_is_found(multiple, divider):
    wish = Fraction(25 * multiple, divider)
    if wish < Fraction(25, 8):
        return
    assert abs(solve(25, float(wish)).output_mhz - wish) < Fraction(1, 10**9)
