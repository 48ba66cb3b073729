"""`window`: every patch in order, nothing lost between rows and frames, no cycle wasted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.window.window import Window

CASES = {
    "same_rate_per_row": Window("w", (6, 8, 4), IntType.parse("UINT2"), 2, (2, 2), (2, 2)),
    "lenet": Window("w", (9, 8, 3), IntType.parse("UINT8"), 1, (5, 5)),
    "unused_rows_and_columns": Window("w", (7, 12, 2), IntType.parse("INT3"), 2, (2, 7), (2, 3)),
    "stride_beyond_kernel": Window("w", (11, 9, 4), IntType.parse("UINT4"), 4, (2, 1), (4, 3)),
    "pointwise": Window("w", (5, 4, 2), IntType.parse("BIPOLAR"), 2, (1, 1)),
    "whole_image": Window("w", (4, 3, 2), IntType.parse("INT8"), 1, (4, 3)),
    "tall": Window("w", (7, 5, 3), IntType.parse("UINT3"), 3, (3, 1), (1, 2)),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: Window, exercise) -> None:
    exercise(op)


def naive(op: Window, image: np.ndarray) -> np.ndarray:
    """One image (H, W, C), element by element as the README's formula says."""
    (kh, kw), (sh, sw), (height, width, channels) = op.kernel, op.stride, op.shape
    rows, columns = (height - kh) // sh + 1, (width - kw) // sw + 1
    out = np.empty((rows, columns, kh * kw * channels), np.int64)
    for y, x, i, j, c in itertools.product(*map(range, (rows, columns, kh, kw, channels))):
        out[y, x, (i * kw + j) * channels + c] = image[y * sh + i, x * sw + j, c]
    return out


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_golden_is_the_formula(op: Window) -> None:
    images = np.random.default_rng(3).integers(0, 100, (2, *op.shape))
    np.testing.assert_array_equal(op.golden(images), np.stack([naive(op, image) for image in images]))


def test_cycles_are_those_of_the_busier_side() -> None:
    assert CASES["lenet"].cycles_per_frame == 5 * 4 * 5 * 5 * 3
    assert CASES["stride_beyond_kernel"].cycles_per_frame == 11 * 9


def test_record(tmp_path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kernel": (4, 2)}, r"w: expected a kernel \(kh, kw\) within the image \(3, 5\), got \(4, 2\)"),
        ({"kernel": (0, 1)}, r"expected a kernel \(kh, kw\) within the image"),
        ({"stride": (1, 0)}, r"w: expected a stride \(sh, sw\) of at least 1, got \(1, 0\)"),
        ({"shape": (6,)}, r"w: expected an image shape \(H, W, C\), got \(6,\)"),
        ({"parallel": 4}, r"expected elements per beat to divide 6, got 4"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    good = {"name": "w", "shape": (3, 5, 6), "dtype": IntType.parse("INT2"), "parallel": 3, "kernel": (2, 2)}
    Window(**good)
    with pytest.raises(HardwareError, match=text):
        Window(**good | change)
