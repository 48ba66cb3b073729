"""`matvec`: exact for every pair of operand types and folding, at extreme weights and inputs, without a lost cycle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from flows.synthesize import tool
from flows.synthesize.yosys import YOSYS, script
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from hw.ops.window.window import Window
from hw.top.stitch import stitch

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
    "multipliers": make((2, 1), "INT3", "UINT4", 6, 10, 2, 5, bias=50, products="dsp"),
    "multipliers_unsigned": make((), "UINT2", "UINT8", 4, 6, 2, 2, memory="block", products="dsp"),
    "wide_in_logic": make((), "INT6", "UINT6", 4, 6, 2, 3, products="lut"),
    "sums_of_a_pool": make((), "INT4", "UINT10", 5, 8, 1, 2, bias=70),
    "widest": make((2, 1), "INT8", "INT16", 3, 4, 3, 2, memory="block"),
    "wide_sums_bipolar_weights": make((), "BIPOLAR", "INT11", 4, 6, 2, 3),
    "one_by_one": make((3, 3), "INT2", "UINT3", 5, 7, 1, 1),
    "all_at_once": make((2, 2), "INT7", "INT5", 4, 6, 4, 6),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: MatVec, exercise) -> None:
    exercise(op)


@pytest.mark.sim
def test_convolution_keeps_the_pace_of_its_slowest_part(exercise) -> None:
    """Window, matrix and threshold behind one another without a fifo, as a layer of a network."""
    window = Window("w", (6, 7, 4), IntType.parse("UINT2"), 2, (3, 3))
    matrix = make((4, 5), "INT4", "UINT2", 6, 36, 3, 2, bias=20)
    y = matrix.output.dtype
    table = np.sort(np.random.default_rng(8).integers(y.min // 4, y.max // 4, (6, 3)), axis=1)
    exercise(window, matrix, Threshold("t", (4, 5, 6), y, table, IntType.parse("UINT2"), 3), frames=6)


@pytest.mark.sim
def test_every_pair_of_types(tmp_path: Path) -> None:
    """One circuit of 36 units, one for each pair of operand types from one to three bits, a threshold before each to
    make its input type. Sparse weights keep the frames apart all the way, so that every unit is tested."""
    names, shape, n = ("INT3", "INT2", "UINT2", "BIPOLAR", "INT1", "UINT1"), (1, 2), 32
    rng = np.random.default_rng(11)
    ops: list[object] = []
    values = np.empty(0)
    for index, (x, w) in enumerate((x, w) for x in names for w in names):
        w_type, x_type = IntType.parse(w), IntType.parse(x)
        if ops:
            count = 1 if x_type.bipolar else x_type.max - x_type.min
            shares = (np.arange(count) + 0.5) / count
            table = np.quantile(values.reshape(-1, n), shares, axis=0, method="higher").astype(np.int64).T
            start, step = x_type.min, 2 if x_type.bipolar else 1
            ops.append(Threshold(f"t{index}", (*shape, n), ops[-1].output.dtype, table, x_type, 4, start, step))
            values = ops[-1].golden(values)
        else:
            codes = values = rng.integers(x_type.min, x_type.max + 1, (40, *shape, n))
        assert len(np.unique(values.reshape(-1, n), axis=0)) > 40
        matrix = w_type.decode(rng.integers(0, 1 << w_type.bits, (n, n)))
        if not w_type.bipolar:
            matrix *= rng.random((n, n)) < 0.25
        ops.append(MatVec(f"m{index}", shape, matrix, w_type, x_type, 4, 4, rng.integers(-4, 5, n), index % 3))
        values = ops[-1].golden(values)
    dataflow = Dataflow("pairs", tuple(ops))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        result = simulator.run(codes, stall_in=0.3, stall_out=0.3, seed=1)
    np.testing.assert_array_equal(result.outputs, values)


@pytest.mark.synth
@pytest.mark.parametrize(("memory", "blocks"), [("block", 2), ("distributed", 0)])
def test_synthesis_uses_the_memory_asked_for_and_no_multiplier(tmp_path: Path, memory: str, blocks: int) -> None:
    op = make(
        (), "INT8", "UINT8", 8, 24, 2, 4, memory=memory, products="lut"
    )  # 24 words of 64 bits, full-width products
    for name, text in stitch(Dataflow("unit", (op,))).items():
        (tmp_path / name).write_text(text)
    sources = " ".join(sorted(path.name for path in tmp_path.glob("*.sv")))
    commands = f"read_slang -j 1 --top unit_stream {sources}; synth_ecp5 -top unit_stream; tee -o stat.json stat -json"
    tool.run(YOSYS, ["-q", "-p", commands], tmp_path)
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells["LUT4"] > 0
    assert cells.get("DP16KD", 0) == blocks == op.resources().ebr
    assert "MULT18X18D" not in cells


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize(
    ("w", "x", "products", "multipliers"),
    [
        ("INT8", "UINT8", "auto", 8),
        ("INT8", "UINT8", "lut", 0),
        ("INT2", "UINT2", "dsp", 8),
        ("INT2", "UINT2", "auto", 0),
    ],
)
def test_synthesis_uses_the_products_asked_for(tmp_path: Path, w: str, x: str, products: str, multipliers: int) -> None:
    op = make((), w, x, 8, 24, 2, 4, products=products)
    for name, text in stitch(Dataflow("unit", (op,))).items():
        (tmp_path / name).write_text(text)
    sources = sorted(path.name for path in tmp_path.glob("*.sv"))
    commands = script(sources, "unit_stream", "unit_stream", "netlist.json", multipliers=op.multiplies)
    tool.run(YOSYS, ["-q", "-p", f"{commands}; tee -o stat.json stat -json"], tmp_path)
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells.get("MULT18X18D", 0) == multipliers == op.resources().dsp


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
        ({"input_type": IntType(17, False)}, r"m: expected an input type of 1 to 16 bits, got UINT17"),
        ({"pe": 4}, r"m: expected pe to divide M = 2, got 4"),
        ({"simd": 2}, r"m: expected simd to divide K = 3, got 2"),
        ({"bias": np.zeros(3, int)}, r"m: expected integer bias \(2,\), got int64 \(3,\)"),
        ({"shift": -1}, r"m: expected a shift from 0 to 31, got -1"),
        ({"products": "fabric"}, r"m: expected products to be one of .*'dsp'\), got 'fabric'"),
        (
            {"input_type": IntType(1, False), "products": "dsp"},
            r"m: expected operands of at least 2 bits for multipliers, got INT3 and UINT1; use products 'lut'",
        ),
        ({"memory": "ultra"}, r"m: expected memory to be one of .*'block'\), got 'ultra'"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    MatVec(**GOOD)
    with pytest.raises(HardwareError, match=text):
        MatVec(**GOOD | change)
