"""Damage to a byte stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import FlowError
from flows.link.noise import Noise


def test_share_of_damaged_bytes_and_both_kinds():
    noise, data = Noise(0.01, seed=1), bytes(100_000)
    got = noise(data)
    assert 900 < noise.damaged < 1100
    lost = len(data) - len(got)
    changed = sum(byte != 0 for byte in got)
    assert lost + changed == noise.damaged and min(lost, changed) > 400


@given(st.binary(max_size=300), st.integers(0, 300))
def test_damage_does_not_depend_on_the_pieces(data, cut):
    whole, pieces = Noise(0.3, seed=5), Noise(0.3, seed=5)
    assert whole(data) == pieces(data[:cut]) + pieces(data[cut:])
    assert whole.damaged == pieces.damaged


def test_no_damage_and_nothing_but_damage():
    assert Noise(0.0, seed=1)(b"abc") == b"abc"
    every = Noise(1.0, seed=1)
    assert not set(every(bytes(1000))) & {0} and every.damaged == 1000
    with pytest.raises(FlowError, match="from 0 to 1, got 1.5"):
        Noise(1.5, seed=1)
