"""`fifo`: contents and order kept, full throughput, depth as promised."""

from __future__ import annotations

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.fifo.fifo import Fifo


def shallow(depth: int) -> Fifo:
    return Fifo("fifo0", (16,), IntType.parse("UINT8"), 1, depth)


def deep(depth: int) -> Fifo:
    """36 bits, the widest word of a block RAM."""
    return Fifo("fifo0", (4, 5, 18), IntType.parse("INT12"), 3, depth)


@pytest.mark.sim
@pytest.mark.parametrize(
    ("shape", "dtype", "parallel", "depth"),
    [((3, 2, 4), "INT5", 2, 2), ((7,), "UINT48", 7, 3), ((2, 2, 6), "BIPOLAR", 6, 9)],
)
def test_circuit_equals_golden(exercise, shape, dtype, parallel, depth):
    fifo = Fifo("fifo0", shape, IntType.parse(dtype), parallel, depth)
    exercise(fifo, latency=fifo.input.beats + 1)


@pytest.mark.sim
@pytest.mark.parametrize("depth", [66, 129])
def test_block_ram_equals_golden(exercise, depth):
    fifo = deep(depth)
    assert fifo.module().parameters["BLOCK"] == 1
    exercise(fifo, latency=fifo.input.beats + 3)


@pytest.mark.sim
@pytest.mark.parametrize("fifo", [shallow(2), shallow(5), deep(66)])
def test_holds_exactly_depth_beats(tmp_path, fifo):
    dataflow = Dataflow("held", (fifo,))
    beats = 8 * fifo.input.beats
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        with pytest.raises(FlowError, match=f"after {fifo.depth} of {beats} beats in .* and 0 of {beats} beats out"):
            simulator.run(np.ones((8, *fifo.shape), dtype=np.int64), stall_out=1.0, watchdog=200)


def test_block_ram_where_it_is_the_smaller_part_of_a_device():
    assert [shallow(depth).in_blocks for depth in (2, 3, 4, 129)] == [False] * 4
    assert [deep(depth).in_blocks for depth in (2, 3, 4, 64, 65)] == [False] * 4 + [True]
    at_any_depth = [deep(depth).resources() for depth in (2, 3, 9, 64, 65, 130, 514, 9000)]
    assert all(deep(2).least().lut4 <= taken.lut4 and deep(2).least().ff <= taken.ff for taken in at_any_depth)
    assert deep(514).resources().ebr == 1 and deep(515).resources().ebr == 2  # 512 words of 36 bits, and two beats


def test_record_round_trip():
    fifo = Fifo("fifo0", (3, 2, 4), IntType.parse("INT5"), 2, 4)
    parameters, arrays = fifo.to_record()
    assert Fifo.from_record("fifo0", parameters, arrays) == fifo


def test_refuses_a_depth_that_no_device_holds():
    with pytest.raises(HardwareError, match="fifo0: expected a fifo depth of at most 65536, got 1000000"):
        Fifo("fifo0", (4,), IntType.parse("UINT4"), 1, 1_000_000)


@pytest.mark.parametrize("depth", [1, 0, -3])
def test_refuses_a_depth_below_two(depth):
    with pytest.raises(HardwareError, match=f"fifo0: expected a fifo depth of at least 2, got {depth}"):
        Fifo("fifo0", (4,), IntType.parse("INT5"), 1, depth)


def test_refuses_a_record_with_other_parameters():
    with pytest.raises(HardwareError, match="expected the parameters depth, dtype, parallel, shape and no arrays"):
        Fifo.from_record("fifo0", {"depth": 2}, {})
    with pytest.raises(HardwareError, match="fifo0.depth: expected int, got 2.5"):
        Fifo.from_record("fifo0", {"depth": 2.5, "dtype": "INT2", "parallel": 1, "shape": [4]}, {})
