"""`width_converter`: both directions, and the wide side never slows the narrow one."""

from __future__ import annotations

import pytest

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.width_converter.width_converter import WidthConverter


@pytest.mark.sim
@pytest.mark.parametrize(
    ("shape", "dtype", "parallel_in", "parallel_out"),
    [
        ((2, 3, 12), "INT3", 1, 12),
        ((2, 3, 12), "INT3", 6, 2),
        ((12,), "UINT17", 12, 3),
        ((2, 2, 6), "BIPOLAR", 2, 6),
        ((4,), "INT9", 2, 2),
    ],
)
def test_circuit_equals_golden(exercise, shape, dtype, parallel_in, parallel_out):
    converter = WidthConverter("wc0", shape, IntType.parse(dtype), parallel_in, parallel_out)
    exercise(converter, latency=max(converter.input.beats, converter.output.beats) + 1)


def test_record_round_trip():
    converter = WidthConverter("wc0", (2, 3, 12), IntType.parse("INT3"), 6, 2)
    assert WidthConverter.from_record("wc0", *converter.to_record()) == converter


def test_refuses_a_broken_ratio():
    with pytest.raises(HardwareError, match="wc0: expected elements per beat in a whole ratio, got 4 to 6"):
        WidthConverter("wc0", (12,), IntType.parse("INT3"), 4, 6)


def test_refuses_beats_that_do_not_fill_a_pixel():
    with pytest.raises(HardwareError, match="expected elements per beat to divide 12, got 5"):
        WidthConverter("wc0", (12,), IntType.parse("INT3"), 5, 1)
