"""`accpool`: sums of signed, unsigned and bipolar pixels, over any rectangle and the whole image."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.accpool.accpool import AccPool


def make(shape, dtype: str, parallel: int, kernel) -> AccPool:
    return AccPool("pool0", shape, IntType.parse(dtype), parallel, kernel)


CASES = {
    "square": make((4, 6, 4), "UINT2", 2, (2, 2)),
    "left_over": make((5, 8, 3), "INT6", 1, (2, 3)),
    "bipolar": make((7, 5, 2), "BIPOLAR", 2, (3, 2)),
    "global": make((4, 3, 6), "UINT4", 2, (4, 3)),
    "global_bipolar": make((3, 3, 2), "BIPOLAR", 1, (3, 3)),
    "signal": make((1, 11, 2), "INT3", 1, (1, 4)),
    "one_pixel": make((2, 3, 2), "INT8", 1, (1, 1)),
    "one_bipolar_pixel": make((2, 3, 2), "BIPOLAR", 2, (1, 1)),
    "one_column": make((6, 1, 4), "INT1", 4, (2, 1)),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: AccPool, exercise) -> None:
    exercise(op, latency=int(op.needs()[-1]) + 1)  # a window's sum leaves in the cycle after the beat that closes it


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(6))
def test_any_parameters(seed: int, exercise) -> None:
    rng = np.random.default_rng(seed)
    height, width, parallel, folds = (int(n) for n in rng.integers(1, (9, 9, 4, 4)))
    kernel = int(rng.integers(1, height, endpoint=True)), int(rng.integers(1, width, endpoint=True))
    dtype = str(rng.choice(["BIPOLAR", "UINT1", "INT1", "INT5", "UINT8"]))
    exercise(make((height, width, parallel * folds), dtype, parallel, kernel), frames=6)


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_golden_is_the_formula(op: AccPool) -> None:
    images = np.random.default_rng(2).integers(-9, 9, (2, *op.shape))
    expected = np.zeros((2, *op.output.shape), np.int64)
    for n, y, x, c in itertools.product(*map(range, expected.shape)):
        for i, j in itertools.product(*map(range, op.kernel)):
            expected[n, y, x, c] += images[n, y * op.kernel[0] + i, x * op.kernel[1] + j, c]
    np.testing.assert_array_equal(op.golden(images), expected)


def test_output_type_is_tight() -> None:
    assert CASES["square"].output.dtype == IntType.parse("UINT4")
    assert CASES["left_over"].output.dtype == IntType.parse("INT9")
    assert CASES["global_bipolar"].output.dtype == IntType.parse("INT5")


def test_float32_golden_where_it_is_exact() -> None:
    assert Dataflow("d", (CASES["square"],)).to_onnx().graph.node[0].attribute[0].i == 1
    wide = make((4, 4, 1), "INT24", 1, (4, 4))
    assert Dataflow("d", (wide,)).to_onnx().graph.node[0].attribute[0].i == 11  # double


def test_record(tmp_path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)


@pytest.mark.parametrize(
    ("shape", "dtype", "kernel", "message"),
    [
        ((4,), "INT6", (1, 1), r"pool0: expected a shape \(H, W, C\), got \(4,\)"),
        ((4, 4, 2), "INT6", (5, 1), r"pool0: expected a kernel \(kh, kw\) within the image \(4, 4\), got \(5, 1\)"),
        ((4, 4, 2), "INT6", (0, 2), "expected a kernel"),
        ((4, 4, 2), "INT6", (2,), "expected a kernel"),
        ((4, 4, 2), "INT48", (2, 2), "expected 1 to 48 bits, got 50"),
    ],
)
def test_refuses(shape, dtype, kernel, message) -> None:
    with pytest.raises(HardwareError, match=message):
        make(shape, dtype, 1, kernel)
