"""`matvec`: exact for every pair of operand types and folding, at extreme weights and inputs, without a lost cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold

NAMES = ("UINT1", "INT1", "BIPOLAR", "UINT2", "INT2", "UINT3", "INT3", "INT5", "UINT6", "UINT8", "INT8")


def weights(seed: int, dtype: IntType, rows: int, columns: int) -> np.ndarray:
    """Random integers of the type; row 0 all at its top, row 1 all at its bottom."""
    rng = np.random.default_rng(seed)
    values = dtype.decode(rng.integers(0, 1 << dtype.bits, (rows, columns)))
    values[0], values[1] = dtype.max, dtype.min
    return values


def make(shape, w: str, x: str, rows: int, columns: int, pe: int, simd: int, bias: int = 0, **rest) -> MatVec:
    w_type, rng = IntType.parse(w), np.random.default_rng(rows)
    biases = rng.integers(-bias, bias, rows, endpoint=True) if bias else None
    return MatVec(
        "m", shape, weights(columns, w_type, rows, columns), w_type, IntType.parse(x), pe, simd, biases, **rest
    )


CASES = {
    "typical": make((3, 2), "INT4", "UINT2", 6, 12, 2, 4, memory="block"),
    "first_layer": make((2, 2), "INT3", "UINT8", 4, 9, 4, 3, bias=900, memory="distributed"),
    "binary": make((), "BIPOLAR", "BIPOLAR", 6, 15, 3, 5, bias=3, shift=2),
    "binary_weights": make((2, 2), "BIPOLAR", "UINT4", 4, 10, 2, 5),
    "binary_inputs": make((), "INT5", "BIPOLAR", 8, 6, 1, 6, bias=40),
    "wide_signed": make((2, 1), "INT8", "INT8", 3, 14, 1, 7, bias=100_000, shift=3),
    "one_by_one": make((3, 3), "INT2", "UINT3", 5, 7, 1, 1),
    "all_at_once": make((2, 2), "INT7", "INT5", 4, 6, 4, 6),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: MatVec, exercise) -> None:
    exercise(op)


@pytest.mark.sim
def test_every_pair_of_types(tmp_path: Path) -> None:
    """A chain of narrow units in one circuit: each pair of operand types from one to three bits, then a threshold
    that makes the next unit's input type."""
    names, shape = ("UINT1", "INT1", "BIPOLAR", "UINT2", "INT2", "INT3"), (1, 2)
    rng = np.random.default_rng(11)
    codes = values = rng.integers(0, 2, (40, *shape, 32))
    ops: list[object] = []
    for index, (w, x) in enumerate((w, x) for w in names for x in names):
        w_type, x_type = IntType.parse(w), IntType.parse(x)
        if ops:
            count = 1 if x_type.bipolar else x_type.max - x_type.min
            # Steps spread over the values that occur, so that the chain does not go dead.
            shares = (np.arange(count) + 0.5) / count
            table = np.quantile(values.reshape(-1, 32), shares, axis=0, method="higher").astype(np.int64).T
            start, step = x_type.min, 2 if x_type.bipolar else 1
            ops.append(Threshold(f"t{index}", (*shape, 32), ops[-1].output.dtype, table, x_type, 4, start, step))
            values = ops[-1].golden(values)
            assert np.unique(values.reshape(-1, 32), axis=0).shape[0] > 10
        matrix, bias = w_type.decode(rng.integers(0, 1 << w_type.bits, (32, 32))), rng.integers(-4, 5, 32)
        ops.append(MatVec(f"m{index}", shape, matrix, w_type, x_type, 4, 4, bias, index % 3))
        values = ops[-1].golden(values)
    dataflow = Dataflow("pairs", tuple(ops))
    np.testing.assert_array_equal(dataflow.golden(codes), values)
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        result = simulator.run(codes, stall_in=0.3, stall_out=0.3, seed=1)
    np.testing.assert_array_equal(result.outputs, values)


@pytest.mark.parametrize("w", NAMES)
@pytest.mark.parametrize("x", NAMES)
def test_output_type_is_tight(w: str, x: str) -> None:
    """The extreme inputs of every row reach the ends of the range that the type was made for, and none beyond."""
    op = make((), w, x, 4, 6, 2, 3, bias=9, shift=1)
    low, high = op.input_type.min, op.input_type.max
    worst = np.concatenate([np.where(op.weights > 0, low, high), np.where(op.weights > 0, high, low)])
    reached = op.golden(worst)
    assert IntType.holding(int(reached.min()), int(reached.max())) == op.output.dtype


def test_golden_is_the_formula() -> None:
    op = CASES["first_layer"]
    vector = np.arange(9) * 28
    expected = [sum(int(a) * int(b) for a, b in zip(row, vector, strict=True)) for row in op.weights]
    out = op.golden(np.broadcast_to(vector, (1, 2, 2, 9)))
    assert out[0, 1, 0].tolist() == [(value << op.shift) + int(b) for value, b in zip(expected, op.bias, strict=True)]


def test_memory_layout() -> None:
    """README: word f * BEATS + s, row p and lane i at bits (p * SIMD + i) * W_BITS."""
    op = CASES["typical"]
    module = op.module()
    for m, k in np.ndindex(op.weights.shape):
        word = module.memories["WEIGHTS"].words[m // op.pe * op.beats + k // op.simd]
        assert word >> (m % op.pe * op.simd + k % op.simd) * 4 & 15 == op.weights[m, k] & 15
    assert module.memories["WEIGHTS"].width == op.pe * op.simd * 4


def test_float32_golden_where_it_is_exact() -> None:
    def first_cast(op: MatVec) -> int:
        return Dataflow("d", (op,)).to_onnx().graph.node[0].attribute[0].i

    assert first_cast(CASES["typical"]) == 1
    assert first_cast(make((), "INT8", "UINT8", 2, 2, 1, 1, shift=12)) == 11  # double: sums reach 2**28


def test_record(tmp_path: Path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)
    assert CASES["typical"] != CASES["binary"]


GOOD = {
    "name": "m", "shape": (2, 2), "weights": np.array([[1, -2, 3], [0, 1, -4]]), "weight_type": IntType(3, True),
    "input_type": IntType(2, False), "pe": 2, "simd": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shape": (4,)}, r"m: expected vectors of shape \(\) or \(OH, OW\), got \(4,\)"),
        ({"weights": np.zeros((2, 3))}, r"m: expected integer weights \(M, K\), got float64 \(2, 3\)"),
        ({"weights": np.zeros(3, int)}, r"expected integer weights \(M, K\), got int64 \(3,\)"),
        ({"weight_type": IntType(2, True)}, r"m weights: expected INT2 \(-2..1\), got -4..3"),
        ({"weight_type": IntType(9, True)}, r"m: expected a weight type of 1 to 8 bits, got INT9"),
        ({"input_type": IntType(9, False)}, r"m: expected an input type of 1 to 8 bits, got UINT9"),
        ({"pe": 4}, r"m: expected pe to divide M = 2, got 4"),
        ({"simd": 2}, r"m: expected simd to divide K = 3, got 2"),
        ({"bias": np.zeros(3, int)}, r"m: expected integer bias \(2,\), got int64 \(3,\)"),
        ({"shift": -1}, r"m: expected a shift from 0 to 31, got -1"),
        ({"memory": "ultra"}, r"m: expected memory to be one of .*'block'\), got 'ultra'"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    MatVec(**GOOD)
    with pytest.raises(HardwareError, match=text):
        MatVec(**GOOD | change)
