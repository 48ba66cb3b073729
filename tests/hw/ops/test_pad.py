"""`pad`: borders of every shape, in every type, around frames that follow each other closely."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.pad.pad import Pad


@pytest.mark.sim
@pytest.mark.parametrize(
    ("shape", "dtype", "parallel", "pads", "value"),
    [
        ((3, 4, 4), "UINT2", 2, (1, 1, 1, 1), 0),
        ((2, 3, 2), "INT4", 1, (0, 2, 3, 0), -8),
        ((1, 1, 3), "BIPOLAR", 3, (2, 0, 0, 1), -1),
        ((3, 2, 1), "UINT48", 1, (0, 0, 0, 0), (1 << 48) - 1),
    ],
)
def test_circuit_equals_golden(exercise, shape, dtype, parallel, pads, value):
    pad = Pad("pad0", shape, IntType.parse(dtype), parallel, pads, value)
    exercise(pad, latency=pad.output.beats + 1)


@given(pads=st.tuples(*[st.integers(0, 3)] * 4), value=st.integers(-8, 7), seed=st.integers(0, 99))
def test_golden_moves_the_frame_into_a_constant(pads, value, seed):
    pad = Pad("pad0", (2, 3, 2), IntType.parse("INT4"), 1, pads, value)
    values = np.random.default_rng(seed).integers(-8, 8, (3, 2, 3, 2))
    padded = pad.golden(values)
    assert padded.shape == (3, *pad.output.shape)
    top, left, _, _ = pads
    np.testing.assert_array_equal(padded[:, top : top + 2, left : left + 3], values)
    assert int((padded - value).sum()) == int((values - value).sum())


def test_record_round_trip():
    pad = Pad("pad0", (3, 4, 4), IntType.parse("UINT2"), 2, (1, 0, 2, 1), 3)
    assert Pad.from_record("pad0", *pad.to_record()) == pad


@pytest.mark.parametrize(
    ("shape", "dtype", "pads", "value", "message"),
    [
        ((4,), "UINT2", (1, 1, 1, 1), 0, r"expected a shape \(H, W, C\), got \(4,\)"),
        ((2, 2, 4), "UINT2", (1, -1, 1, 1), 0, "expected pads .* of 0 or more"),
        ((2, 2, 4), "UINT2", (1, 1), 0, "expected pads"),
        ((2, 2, 4), "UINT2", (1, 1, 1, 1), 4, r"value: expected UINT2 \(0..3\), got 4..4"),
        ((2, 2, 4), "BIPOLAR", (1, 1, 1, 1), 0, r"value: expected -1 or \+1, got 0"),
    ],
)
def test_refuses_illegal_parameters(shape, dtype, pads, value, message):
    with pytest.raises(HardwareError, match=message):
        Pad("pad0", shape, IntType.parse(dtype), 1, pads, value)
