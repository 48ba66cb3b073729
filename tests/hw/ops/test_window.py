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
    "dilated": Window("w", (9, 10, 4), IntType.parse("UINT4"), 2, (3, 2), (1, 1), (2, 3)),
    "dilated_and_strided": Window("w", (12, 11, 2), IntType.parse("INT4"), 1, (2, 3), (3, 2), (4, 2)),
    "signal": Window("w", (1, 40, 2), IntType.parse("INT5"), 1, (1, 5), (1, 2), (1, 3)),
    "depthwise": Window("w", (6, 7, 6), IntType.parse("UINT3"), 2, (3, 3), depthwise=True),
    "depthwise_dilated": Window("w", (8, 9, 4), IntType.parse("INT2"), 1, (3, 2), (2, 1), (2, 3), depthwise=True),
    "depthwise_signal": Window("w", (1, 19, 4), IntType.parse("INT5"), 2, (1, 3), (1, 2), depthwise=True),
    "depthwise_pointwise": Window("w", (4, 5, 4), IntType.parse("UINT2"), 2, (1, 1), (2, 1), depthwise=True),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: Window, exercise) -> None:
    exercise(op)


def random_window(rng: np.random.Generator, largest: int) -> Window:
    """Any legal parameters for an image of up to `largest` rows and columns."""
    sizes, kernel, dilation = rng.integers(1, largest, 2, endpoint=True), [], []
    for size in sizes:
        kernel.append(int(rng.integers(1, min(size, 4), endpoint=True)))
        dilation.append(int(rng.integers(1, (size - 1) // (kernel[-1] - 1), endpoint=True)) if kernel[-1] > 1 else 1)
    parallel, folds = (int(n) for n in rng.integers(1, 4, 2))
    stride = tuple(int(n) for n in rng.integers(1, 5, 2))
    shape = (*map(int, sizes), parallel * folds)
    return Window("w", shape, IntType.parse("INT4"), parallel, kernel, stride, dilation, bool(rng.integers(2)))


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(10))
def test_any_parameters(seed: int, exercise) -> None:
    exercise(random_window(np.random.default_rng(seed), 9), frames=6)


def naive(op: Window, image: np.ndarray) -> np.ndarray:
    """One image (H, W, C), element by element as the README's formulas say."""
    (kh, kw), (sh, sw), (dh, dw), channels = op.kernel, op.stride, op.dilation, op.shape[2]
    out = np.empty(op.output.shape, np.int64)
    rows, columns = out.shape[0], out.shape[1] // (op.folds if op.depthwise else 1)
    for y, x, i, j, c in itertools.product(*map(range, (rows, columns, kh, kw, channels))):
        value = image[y * sh + i * dh, x * sw + j * dw, c]
        if op.depthwise:
            out[y, x * op.folds + c // op.parallel, (i * kw + j) * op.parallel + c % op.parallel] = value
        else:
            out[y, x, (i * kw + j) * channels + c] = value
    return out


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_golden_is_the_formula(op: Window) -> None:
    images = np.random.default_rng(3).integers(0, 100, (2, *op.shape))
    np.testing.assert_array_equal(op.golden(images), np.stack([naive(op, image) for image in images]))


def test_cycles_are_those_of_the_busier_side() -> None:
    assert CASES["lenet"].cycles_per_frame == 5 * 4 * 5 * 5 * 3
    assert CASES["stride_beyond_kernel"].cycles_per_frame == 11 * 9
    assert CASES["dilated"].cycles_per_frame == 5 * 7 * 3 * 2 * 2


def test_a_signal_needs_no_row_of_memory() -> None:
    op = CASES["signal"]
    assert (op.module().parameters["H"], op.module().parameters["W"]) == (40, 1)
    assert op.rows == 2 * 13 + 1


def interval(op: Window, cycles_in: int, cycles_out: int, frames: int = 8) -> float:
    """Cycles per frame of the ring alone, row by row: a beat in takes `cycles_in`, a beat out `cycles_out`."""
    (height, _, sh, _), (width, *_) = op.scan
    kh, count = op.scan[0].span, op.scan[0].count
    row_in, row_out = width * op.folds * cycles_in, op.output.beats // count * cycles_out
    used, advance = (count - 1) * sh + kh, min(sh, kh)
    written: list[int] = []  # when each stored row was whole
    released: list[int] = []  # when its slot was free again
    ends: list[int] = []  # of window rows
    time_in = 0

    def read_window_row() -> None:
        frame, row = divmod(len(ends), count)
        last = frame * ((count - 1) * advance + kh) + row * advance + kh - 1
        ends.append(max(ends[-1] if ends else 0, written[last]) + row_out)
        released.extend([ends[-1]] * (kh if row == count - 1 else advance))

    for _, y in itertools.product(range(frames), range(height)):
        if y < used and (sh <= kh or y % sh < kh):
            while len(written) - len(released) >= op.rows:
                read_window_row()
            if len(written) >= op.rows:
                time_in = max(time_in, released[len(written) - op.rows])
            written.append(time_in + row_in)
        time_in += row_in
    while len(ends) < frames * count:
        read_window_row()
    return (ends[-1] - ends[frames // 2 * count - 1]) / (frames - frames // 2)


def test_ring_is_large_enough_for_any_rates() -> None:
    rng = np.random.default_rng(4)
    for _ in range(3000):
        op = random_window(rng, 15)
        cycles_in, cycles_out = (int(n) for n in rng.choice([1, 1, 2, 3, 7], 2))
        bound = max(op.input.beats * cycles_in, op.output.beats * cycles_out)
        assert interval(op, cycles_in, cycles_out) == bound, op


def test_record(tmp_path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"kernel": (4, 2)},
            r"w: expected a kernel \(kh, kw\) within the image \(3, 5\), got \(4, 2\) with dilation \(1, 1\)",
        ),
        ({"dilation": (3, 1)}, r"expected a kernel .* got \(2, 2\) with dilation \(3, 1\)"),
        ({"dilation": (0, 1)}, r"w: expected a dilation \(dh, dw\) of at least 1, got \(0, 1\)"),
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
