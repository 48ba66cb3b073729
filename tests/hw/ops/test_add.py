"""`add`: the exact sum for any gains, offset and types, whichever input comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.threshold.threshold import Threshold
from tests.hw.ops.conftest import check, random_codes, run_onnx

CASES = {
    "residual": Add("add0", (3, 2, 4), IntType.parse("INT9"), IntType.parse("UINT2"), 2, 1, 1, 0),
    "gains": Add("add0", (2, 2, 6), IntType.parse("INT6"), IntType.parse("INT3"), 3, -23, 119, -1000),
    "bipolar": Add("add0", (8,), IntType.parse("BIPOLAR"), IntType.parse("UINT4"), 4, 7, -3, 5),
    "both_bipolar": Add("add0", (2, 1, 4), IntType.parse("BIPOLAR"), IntType.parse("BIPOLAR"), 4, -1, 6, 0),
    "wide": Add("add0", (5,), IntType.parse("INT30"), IntType.parse("UINT8"), 1, 65535, -(1 << 37), 99),
    "one_side": Add("add0", (6,), IntType.parse("UINT3"), IntType.parse("INT2"), 2, 0, -1, 0),
}


def meeting(op: Add, seed: int = 0, *, slow=None) -> Dataflow:
    """The input and a random staircase of it are what `op` adds; `slow(name, stream, seed)` delays each of them."""
    rng = np.random.default_rng(seed)
    a, b = op.inputs
    fork = Fork("fork0", a.shape, a.dtype, a.parallel, 2)
    count, start, step = min(7, b.dtype.max - b.dtype.min), b.dtype.min, 1
    if b.dtype.bipolar:
        count, start, step = 1, -1, 2
    table = np.sort(rng.integers(a.dtype.min, a.dtype.max, (a.shape[-1], count), endpoint=True), axis=1)
    stairs = Threshold("stairs0", b.shape, a.dtype, table, b.dtype, b.parallel, start, step)
    fifo = Fifo("fifo0", a.shape, a.dtype, a.parallel, 12)
    ops = [fork, fifo, stairs, op]
    sources = {"fork0": ("input",), "fifo0": ("fork0.0",), "stairs0": ("fork0.1",), "add0": ("fifo0", "stairs0")}
    if slow:
        ops[3:3] = [slow("slow_a", a, 77), slow("slow_b", b, 4242)]
        sources |= {"slow_a": ("fifo0",), "slow_b": ("stairs0",), "add0": ("slow_a", "slow_b")}
    return Dataflow("meeting", tuple(ops), sources)


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit_equals_golden(tmp_path: Path, op: Add) -> None:
    check(meeting(op), tmp_path)


@pytest.mark.sim
def test_inputs_that_come_apart(tmp_path: Path, stutter) -> None:
    op = CASES["gains"]
    dataflow = meeting(op, slow=lambda name, s, seed: stutter(name, s.shape, s.dtype, s.parallel, 2, seed=seed))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        for seed, stalls in enumerate([(0.0, 0.0), (0.6, 0.1), (0.1, 0.7)]):
            codes = random_codes(dataflow.input, 30, seed)
            result = simulator.run(codes, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
            np.testing.assert_array_equal(result.outputs, dataflow.golden(codes))


TYPES = st.one_of(
    st.just(IntType.parse("BIPOLAR")),
    st.builds(IntType, st.integers(1, 12), st.just(False)),
    st.builds(IntType, st.integers(1, 12), st.just(True)),
)


@given(TYPES, TYPES, st.integers(-3000, 3000), st.integers(-3000, 3000), st.integers(-(10**6), 10**6))
def test_the_output_type_is_the_narrowest(a: IntType, b: IntType, gain_a: int, gain_b: int, offset: int) -> None:
    op = Add("add0", (4,), a, b, 1, gain_a, gain_b, offset)
    corners = [gain_a * x + gain_b * y + offset for x in (a.min, a.max) for y in (b.min, b.max)]
    assert op.output.dtype == IntType.holding(min(corners), max(corners))


@given(TYPES, TYPES, st.integers(-3000, 3000), st.integers(-3000, 3000), st.integers(-(10**6), 10**6))
def test_the_modules_parameters_give_the_golden_sum(a, b, gain_a: int, gain_b: int, offset: int) -> None:
    """What the circuit computes from wire codes, by its header's formula."""
    op = Add("add0", (1,), a, b, 1, gain_a, gain_b, offset)
    p = op.module().parameters
    for x in {a.min, a.max}:
        for y in {b.min, b.max}:
            codes = [int(t.encode(np.array([v]))[0]) if t.bipolar else v for t, v in ((a, x), (b, y))]
            got = p["GAIN_A"] * codes[0] + p["GAIN_B"] * codes[1] + p["OFFSET"]
            assert got == op.golden(np.array([[x]]), np.array([[y]])).item()


def test_float32_is_given_up_where_it_would_round() -> None:
    dataflow = meeting(CASES["wide"])
    codes = random_codes(dataflow.input, 5, 1)
    np.testing.assert_array_equal(run_onnx(dataflow, codes), dataflow.golden(codes))


def test_record_round_trip() -> None:
    for op in CASES.values():
        assert Add.from_record("add0", *op.to_record()) == op


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gain_a": 1 << 45}, "add0: expected sums of at most 48 bits, got "),
        ({"offset": 10**30}, "add0: expected sums of at most 48 bits, got "),
        ({"parallel": 3}, "expected elements per beat to divide 4, got 3"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    int8 = IntType.parse("INT8")
    good = {"shape": (4,), "type_a": int8, "type_b": int8, "parallel": 2, "gain_a": 1, "gain_b": -1, "offset": 0}
    Add("add0", **good)
    with pytest.raises(HardwareError, match=text):
        Add("add0", **good | change)
