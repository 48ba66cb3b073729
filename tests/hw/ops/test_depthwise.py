"""`depthwise`: exact for every pair of operand types and folding, behind its window, without a lost cycle."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.depthwise.depthwise import Depthwise
from hw.ops.window.window import Window

NAMES = ("UINT1", "INT1", "BIPOLAR", "UINT2", "INT2", "UINT3", "INT3", "INT5", "UINT8", "INT8")


def make(shape, w: str, x: str, filters, pe: int, bias: int = 0, **rest) -> Depthwise:
    """Random weights; channel 0 all at the top of their type, channel 1 all at the bottom."""
    w_type, rng = IntType.parse(w), np.random.default_rng(sum(filters))
    weights = w_type.decode(rng.integers(0, 1 << w_type.bits, filters))
    weights[0], weights[1] = w_type.max, w_type.min
    biases = rng.integers(-bias, bias, filters[0], endpoint=True) if bias else None
    return Depthwise("d", shape, weights, w_type, IntType.parse(x), pe, biases, **rest)


CASES = {
    "typical": make((3, 2), "INT4", "UINT2", (6, 3, 3), 2, memory="block"),
    "first_layer": make((2, 2), "INT3", "UINT8", (4, 2, 3), 4, bias=900, memory="distributed"),
    "binary": make((2, 3), "BIPOLAR", "BIPOLAR", (6, 3, 1), 3, bias=3, shift=2),
    "wide": make((1, 2), "INT8", "INT8", (2, 1, 5), 1, bias=100_000, shift=3),
    "one_tap": make((3, 3), "INT2", "UINT3", (4, 1, 1), 2, bias=7),
    "signs": Depthwise(
        "d", (2, 3), np.reshape([-1, 1, -1, 1], (4, 1, 1)), IntType(2, True), IntType.parse("BIPOLAR"), 4
    ),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: Depthwise, exercise) -> None:
    exercise(op)


# A few small types always, the rest where there is time.
@pytest.mark.sim
@pytest.mark.parametrize("w", [pytest.param(w, marks=pytest.mark.slow) if w in NAMES[3:] else w for w in NAMES])
@pytest.mark.parametrize("x", [pytest.param(x, marks=pytest.mark.slow) if x in NAMES[5:] else x for x in NAMES])
def test_every_pair_of_types(w: str, x: str, exercise) -> None:
    exercise(make((1, 2), w, x, (4, 2, 2), 2, bias=5, shift=NAMES.index(w) % 3), frames=6)


@pytest.mark.sim
@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
def test_convolution_takes_what_the_window_gives(stride: tuple[int, int], exercise) -> None:
    """Random folding, kernel and dilation; the numbers are those of the convolution's formula."""
    rng = np.random.default_rng(stride[0])
    pe, folds, kh, kw = (int(n) for n in rng.integers(1, 4, 4))
    window = Window("w", (8, 9, pe * folds), IntType.parse("UINT4"), pe, (kh, kw), stride, (2, 1), depthwise=True)
    positions = window.axes[0].count, window.axes[1].count
    weights = rng.integers(-8, 8, (pe * folds, kh, kw))
    op = Depthwise("d", positions, weights, IntType.parse("INT4"), window.dtype, pe)
    image = rng.integers(0, 16, (1, *window.shape))
    result = op.golden(window.golden(image))[0]
    for y, x, c in np.ndindex(result.shape):
        taps = itertools.product(range(kh), range(kw))
        rows, columns = y * stride[0], x * stride[1]
        expected = sum(int(weights[c, i, j]) * int(image[0, rows + 2 * i, columns + j, c]) for i, j in taps)
        assert result[y, x, c] == expected
    exercise(window, op, frames=6)


def test_refuses_a_window_of_another_order() -> None:
    window = Window("w", (5, 5, 4), IntType.parse("UINT2"), 2, (3, 3))
    op = make((3, 3), "INT2", "UINT2", (4, 3, 3), 2)
    with pytest.raises(HardwareError, match="w gives .* but d expects"):
        Dataflow("d", (window, op))


@pytest.mark.parametrize("w", NAMES)
@pytest.mark.parametrize("x", NAMES)
def test_output_type_is_tight(w: str, x: str) -> None:
    op = make((1, 2), w, x, (4, 2, 3), 4, bias=9, shift=1)  # one group: the stream's order is (taps, C)
    low, high = op.input_type.min, op.input_type.max
    ends = [np.where(op.weights > 0, *pair).reshape(4, 6).T.ravel() for pair in ((low, high), (high, low))]
    reached = op.golden(np.stack(ends)[None, None].reshape(1, *op.input.shape))
    assert IntType.holding(int(reached.min()), int(reached.max())) == op.output.dtype


def test_memory_layout() -> None:
    """README: tap t of group f at word f * TAPS + t, channel p of the group at bits p * W_BITS."""
    op = CASES["typical"]
    memory = op.module().memories["WEIGHTS"]
    assert memory.width == op.pe * 4
    for c, i, j in np.ndindex(op.weights.shape):
        word = memory.words[c // op.pe * op.taps + i * 3 + j]
        assert word >> c % op.pe * 4 & 15 == op.weights[c, i, j] & 15


def test_float32_golden_where_it_is_exact() -> None:
    def first_cast(op: Depthwise) -> int:
        return Dataflow("d", (op,)).to_onnx().graph.node[0].attribute[0].i

    assert first_cast(CASES["typical"]) == 1
    assert first_cast(make((1, 1), "INT8", "UINT8", (2, 2, 2), 1, shift=12)) == 11  # double: sums reach 2**29


def test_record(tmp_path: Path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)
    assert CASES["typical"] != CASES["binary"]


GOOD = {
    "name": "d", "shape": (2, 2), "weights": np.array([[[1, -2, 3]], [[0, 1, -4]]]), "weight_type": IntType(3, True),
    "input_type": IntType(2, False), "pe": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shape": (4,)}, r"d: expected windows \(OH, OW\), got \(4,\)"),
        ({"weights": np.zeros((2, 1, 3))}, r"d: expected integer weights \(C, kh, kw\), .* got float64 \(2, 1, 3\)"),
        ({"weights": np.zeros((2, 2, 1, 3), int)}, r"one filter a channel, .*; use matvec where a channel has several"),
        ({"weight_type": IntType(2, True)}, r"d weights: expected INT2 \(-2..1\), got -4..3"),
        ({"weight_type": IntType(9, True)}, r"d: expected a weight type of 1 to 8 bits, got INT9"),
        ({"input_type": IntType(9, False)}, r"d: expected an input type of 1 to 8 bits, got UINT9"),
        ({"pe": 4}, r"d: expected pe to divide C = 2, got 4"),
        ({"bias": np.zeros(3, int)}, r"d: expected integer bias \(2,\), got int64 \(3,\)"),
        ({"shift": -1}, r"d: expected a shift from 0 to 31, got -1"),
        ({"memory": "ultra"}, r"d: expected memory to be one of .*'block'\), got 'ultra'"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    Depthwise(**GOOD)
    with pytest.raises(HardwareError, match=text):
        Depthwise(**GOOD | change)
