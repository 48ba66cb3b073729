"""FINN's RTL is a second implementation: cycle-accurate, the same integers as ours on random parameters."""

from __future__ import annotations

from collections.abc import Callable
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
from tests.flows.compile.finn_circuits import finn_circuit
from tests.fuzz.drawer import Drawer, Seeded, divisor

FRAMES = 6
MORE = range(1, 9)


def draw_type(d: Drawer, bits: int) -> IntType:
    return IntType(d.integer(2, bits), bool(d.integer(0, 1)))


def pad(d: Drawer) -> Pad:
    """FINN's border is zeros."""
    shape, pads = (d.integer(1, 5), d.integer(1, 5), d.integer(1, 6)), tuple(d.integer(0, 3) for _ in range(4))
    return Pad("op", shape, draw_type(d, 9), divisor(d, shape[2]), pads, 0)


def threshold(d: Drawer) -> Threshold:
    """FINN's generator wants an output type of as many bits as the search has levels."""
    channels, count = d.integer(1, 6), d.choice([1, 2, 3, 5, 7, 12, 15])
    x, bits = draw_type(d, 12), count.bit_length()
    table = np.sort(d.array(x.min, x.max, (channels, count)), axis=1)
    out = IntType(bits, bits > 1 and bool(d.integer(0, 1)))
    return Threshold("op", (d.integer(1, 3), 2, channels), x, table, out, divisor(d, channels), out.min)


def window(d: Drawer) -> Window:
    """FINN's generator refuses some strides beyond the kernel, whose rows or columns nobody needs."""
    dilation, stride = ((d.integer(1, 2), d.integer(1, 2)) for _ in range(2))
    kernel = (d.integer(1, 3), d.integer(2, 3))
    stride = tuple(map(min, stride, kernel))
    sides = [max((k - 1) * gap + 1 + d.integer(0, 3), s) for k, gap, s in zip(kernel, dilation, stride, strict=True)]
    channels = d.integer(1, 4)
    numbers = draw_type(d, 9), divisor(d, channels), kernel, stride, dilation, bool(d.integer(0, 1))
    return Window("op", (*sides, channels), *numbers)


def outputs(dataflow: Dataflow, codes: np.ndarray, folder: Path, files: dict[str, str] | None = None) -> np.ndarray:
    """Of the circuit at full speed; the same under random stalls."""
    with Simulator(dataflow, build(dataflow, folder, files=files), files) as simulator:
        result = simulator.run(codes, watchdog=5000).outputs
        stalled = simulator.run(codes, stall_in=0.4, stall_out=0.4, seed=2, watchdog=5000).outputs
    np.testing.assert_array_equal(stalled, result)
    return result


def compare(draw: Callable[[Drawer], Op], seed: int, folder: Path) -> None:
    d = Seeded(seed, 21)
    op = draw(d)
    codes = d.array(op.input.dtype.min, op.input.dtype.max, (FRAMES, *op.input.shape))
    dataflow, theirs = Dataflow("ours", (op,)), finn_circuit(op, folder / "made")
    ours = outputs(dataflow, codes, folder / "ours")
    np.testing.assert_array_equal(outputs(theirs, codes, folder / "theirs", theirs.files), ours)
    np.testing.assert_array_equal(ours, dataflow.golden(codes))


@pytest.mark.sim
@pytest.mark.parametrize("draw", [threshold, window, pad])
def test_finns_circuit_gives_our_integers(draw: Callable[[Drawer], Op], tmp_path: Path) -> None:
    compare(draw, 0, tmp_path)


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
@pytest.mark.parametrize("draw", [threshold, window, pad])
def test_more_parameters(draw: Callable[[Drawer], Op], seed: int, tmp_path: Path) -> None:
    compare(draw, seed, tmp_path)
