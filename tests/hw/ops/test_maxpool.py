"""`maxpool`: signed, unsigned and bipolar, with and without rows and columns left over."""

from __future__ import annotations

import pytest

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.maxpool.maxpool import MaxPool


@pytest.mark.sim
@pytest.mark.parametrize(
    ("shape", "dtype", "parallel", "kernel", "closing_beat"),
    [
        ((4, 6, 4), "UINT2", 2, 2, 47),
        ((5, 7, 3), "INT6", 1, 2, (3 * 7 + 5) * 3 + 2),
        ((7, 5, 2), "BIPOLAR", 2, 3, 5 * 5 + 2),
        ((2, 3, 1), "INT48", 1, 2, 1 * 3 + 1),
    ],
)
def test_circuit_equals_golden(exercise, shape, dtype, parallel, kernel, closing_beat):
    # The maximum of the last window leaves in the cycle after the beat that closes it.
    exercise(MaxPool("pool0", shape, IntType.parse(dtype), parallel, kernel), latency=closing_beat + 2)


def test_record_round_trip():
    pool = MaxPool("pool0", (5, 7, 3), IntType.parse("INT6"), 1, 2)
    assert MaxPool.from_record("pool0", *pool.to_record()) == pool


@pytest.mark.parametrize(
    ("shape", "kernel", "message"),
    [
        ((4,), 2, r"expected a shape \(H, W, C\)"),
        ((4, 4, 2), 1, "expected a kernel of at least 2, got 1"),
        ((4, 2, 2), 3, "expected at least 3 rows and columns"),
    ],
)
def test_refuses_illegal_parameters(shape, kernel, message):
    with pytest.raises(HardwareError, match=message):
        MaxPool("pool0", shape, IntType.parse("INT6"), 1, kernel)
