"""`fork`: each consumer gets every beat exactly once and in order, however unlike the consumers stall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.concat.concat import Concat
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from tests.hw.ops.conftest import check, random_codes

INT5 = IntType.parse("INT5")


def joined(copies: int, parallel: int, middle=None) -> Dataflow:
    """`fork0` and `concat0` of pixels of 6 channels, behind each copy what `middle(index)` makes and a fifo."""
    fork = Fork("fork0", (3, 2, 6), INT5, parallel, copies)
    ops, sources, ends = [fork], {"fork0": ("input",)}, []
    for index in range(copies):
        end = f"fork0.{index}"
        fifo = Fifo(f"fifo{index}", (3, 2, 6), INT5, parallel, 6 * copies // parallel + 2)
        for op in [*([middle(index)] if middle else []), fifo]:
            ops.append(op)
            sources[op.name] = (end,)
            end = op.name
        ends.append(end)
    ops.append(Concat("concat0", (3, 2), (6,) * copies, INT5, parallel))
    return Dataflow("forked", tuple(ops), sources | {"concat0": tuple(ends)})


@pytest.mark.sim
@pytest.mark.parametrize(("copies", "parallel"), [(2, 6), (3, 2)])
def test_circuit_equals_golden(tmp_path: Path, copies: int, parallel: int) -> None:
    dataflow = joined(copies, parallel)
    codes = random_codes(dataflow.input, 3, 0)
    np.testing.assert_array_equal(dataflow.golden(codes), np.concatenate([codes] * copies, axis=-1))
    check(dataflow, tmp_path)


@pytest.mark.sim
@pytest.mark.parametrize("copies", [2, 5])
def test_consumers_that_stall_apart(tmp_path: Path, stutter, copies: int) -> None:
    """A copy lost, doubled or given to the wrong beat would show as a wrong value or as a deadlock."""
    dataflow = joined(copies, 3, lambda index: stutter(f"s{index}", (3, 2, 6), INT5, 3, 2, seed=0x1234 * (index + 1)))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        for seed, stalls in enumerate([(0.0, 0.0), (0.5, 0.2), (0.9, 0.0), (0.1, 0.8)]):
            codes = random_codes(dataflow.input, 40, seed)
            result = simulator.run(codes, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
            np.testing.assert_array_equal(result.outputs, dataflow.golden(codes))


def test_record_round_trip() -> None:
    fork = Fork("fork0", (3, 2, 4), INT5, 2, 3)
    assert Fork.from_record("fork0", *fork.to_record()) == fork


@pytest.mark.parametrize("copies", [1, 0, 9])
def test_refuses_other_numbers_of_copies(copies: int) -> None:
    with pytest.raises(HardwareError, match=f"fork0: expected 2 to 8 copies, got {copies}"):
        Fork("fork0", (4,), INT5, 1, copies)
