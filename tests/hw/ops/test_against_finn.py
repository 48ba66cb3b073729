"""FINN's RTL is a second implementation: the same integers as ours, cycle-accurate, on random parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.op import Op
from hw.ops.pad.pad import Pad
from hw.ops.threshold.threshold import Threshold
from hw.ops.window.window import Window
from tests.fuzz.drawer import Seeded, divisor
from tests.fuzz.operators import inputs
from tests.hw.ops.finn_circuits import padding, sliding_window, thresholding

MORE = range(1, 9)


def compare(op: Op, theirs, folder: Path, drawer: Seeded) -> None:
    (codes,) = inputs(op, drawer, 6)
    ours = Dataflow("ours", (op,))
    with Simulator(ours, build(ours, folder / "ours")) as simulator:
        mine = simulator.run(codes, stall_in=0.3, stall_out=0.3, seed=1).outputs
    with Simulator(theirs, build(theirs, folder / "theirs", files=theirs.files), theirs.files) as simulator:
        for stalls in ((0.0, 0.0), (0.4, 0.4)):
            result = simulator.run(codes, stall_in=stalls[0], stall_out=stalls[1], seed=2, watchdog=5000)
            np.testing.assert_array_equal(result.outputs, mine)


def random_type(drawer: Seeded, bits: int) -> IntType:
    return IntType(drawer.integer(2, bits), bool(drawer.integer(0, 1)))


def compare_padding(seed: int, folder: Path) -> None:
    d = Seeded(seed, 21)
    shape, pads = (d.integer(1, 5), d.integer(1, 5), d.integer(1, 6)), tuple(d.integer(0, 3) for _ in range(4))
    op = Pad("pad0", shape, random_type(d, 9), divisor(d, shape[2]), pads, 0)
    compare(op, padding(op), folder, d)


def compare_thresholds(seed: int, folder: Path) -> None:
    d = Seeded(seed, 22)
    channels, count = d.integer(1, 6), d.choice([1, 2, 3, 5, 7, 12, 15])
    x, start = random_type(d, 12), d.integer(-min(5, count), 5)
    table = np.sort(d.array(x.min, x.max, (channels, count)), axis=1)
    low, high = start, start + count
    # FINN's output type: unsigned from 0 up, or two's complement.
    out = IntType.holding(0, high) if start >= 0 else IntType.holding(low, max(high, 0))
    op = Threshold("act0", (d.integer(1, 3), 2, channels), x, table, out, divisor(d, channels), start)
    compare(op, thresholding(op), folder, d)


def compare_window(seed: int, folder: Path) -> None:
    d = Seeded(seed, 23)
    dilation = (d.integer(1, 2), d.integer(1, 2))
    kernel = (d.integer(1, 3), d.integer(2, 3))
    stride = (d.integer(1, 2), d.integer(1, 2))
    sides = [max((k - 1) * gap + 1 + d.integer(0, 3), s) for k, gap, s in zip(kernel, dilation, stride, strict=True)]
    channels = d.integer(1, 4)
    parallel, depthwise = divisor(d, channels), bool(d.integer(0, 1))
    op = Window("window0", (*sides, channels), random_type(d, 9), parallel, kernel, stride, dilation, depthwise)
    folder.mkdir(exist_ok=True)
    (folder / "made").mkdir()
    compare(op, sliding_window(op, folder / "made"), folder, d)


@pytest.mark.sim
@pytest.mark.parametrize("one", [compare_padding, compare_thresholds, compare_window])
def test_one_of_each(one, tmp_path: Path) -> None:
    one(0, tmp_path)


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
@pytest.mark.parametrize("one", [compare_padding, compare_thresholds, compare_window])
def test_more_parameters(one, seed: int, tmp_path: Path) -> None:
    one(seed, tmp_path)
