"""Residual blocks with the depths of `branch_depths`: no deadlock, as fast as with endless fifos; less deadlocks."""

from __future__ import annotations

from dataclasses import replace
from math import lcm
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.branch_depths import branch_depths, with_branch_depths
from hw.dataflow import Dataflow, op_class
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.op import Op, needs_of
from hw.ops.argmax.argmax import Argmax
from tests.hw.small_graph import residual, residual_with_fifos

UINT3, INT3 = IntType(3, False), IntType(3, True)
ENDLESS = 2000


def divisor(rng: np.random.Generator, number: int) -> int:
    return int(rng.choice([d for d in range(1, number + 1) if number % d == 0]))


class Block:
    """A residual block under construction, with fifos and width converters where folding puts them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.ops: list[Op] = []
        self.sources: dict[str, tuple[str, ...]] = {}

    def add(self, kind: str, name: str, sources: str | tuple[str, ...], *args: object) -> str:
        self.ops.append(op_class(kind)(name, *args))
        self.sources[name] = (sources,) if isinstance(sources, str) else sources
        return name

    def shape(self, name: str) -> tuple[tuple[int, ...], IntType, int]:
        stream = next(op for op in self.ops if op.name == name.partition(".")[0])
        stream = stream.outputs[0] if stream.kind == "fork" else stream.output
        return stream.shape, stream.dtype, stream.parallel

    def width(self, name: str, parallel: int) -> str:
        shape, dtype, have = self.shape(name)
        middle = lcm(have, parallel)
        for a, b in ((have, middle), (middle, parallel)):
            if a != b:
                name = self.add("width_converter", f"w{len(self.ops)}", name, shape, dtype, a, b)
        return name

    def fifo(self, name: str, depth: int = 2, called: str = "") -> str:
        return self.add("fifo", called or f"f{len(self.ops)}", name, *self.shape(name), depth)

    def conv(self, label: str, name: str, channels: int, kernel: int, stride: int) -> str:
        """Padding, windows and the matrix unit; (H, W, C) UINT3 to (H / stride, W / stride, channels), wide."""
        shape, dtype, parallel = self.shape(name)
        if kernel > 1:
            name = self.fifo(name, max(2, shape[1] * shape[2] // parallel))
            name = self.add("pad", f"pad_{label}", name, shape, dtype, parallel, (kernel // 2,) * 4, 0)
        simd, pe = divisor(self.rng, shape[2]), divisor(self.rng, channels)
        name = self.fifo(self.width(name, simd))
        shape = self.shape(name)[0]
        name = self.add("window", f"window_{label}", name, shape, dtype, simd, (kernel, kernel), (stride, stride))
        (height, width, columns), _, _ = self.shape(name)
        weights = self.rng.integers(-4, 4, (channels, columns))
        return self.add("matvec", f"conv_{label}", name, (height, width), weights, INT3, dtype, pe, simd)

    def act(self, label: str, name: str) -> str:
        shape, dtype, parallel = self.shape(name)
        steps = np.sort(self.rng.integers(dtype.min // 3, dtype.max // 3 + 1, (shape[-1], 7)), axis=1)
        return self.add("threshold", f"act_{label}", name, shape, dtype, steps, UINT3, parallel)


def block(seed: int, sides: tuple[int, int] | None = None) -> Dataflow:
    """Random sizes and foldings: two convolutions beside the identity, or beside a 1x1 one with stride 2."""
    b = Block(seed)
    rng = b.rng
    height, width, channels = int(rng.integers(4, 9)), int(rng.integers(4, 9)), int(rng.choice([2, 3, 4]))
    height, width = sides or (height, width)
    stride = int(rng.integers(1, 3))
    wide = channels if stride == 1 else 2 * channels
    fork = b.add("fork", "split", "input", (height, width, channels), UINT3, divisor(rng, channels), 2)
    long = b.act("a", b.conv("a", f"{fork}.0", wide, 3, stride))
    long = b.conv("b", long, wide, 3, 1) if rng.random() < 0.7 else b.conv("b", long, wide, 1, 1)
    short = f"{fork}.1" if stride == 1 else b.conv("s", f"{fork}.1", wide, 1, stride)
    parallel = divisor(rng, wide)
    ends = b.fifo(b.width(long, parallel), called="wait_long"), b.fifo(b.width(short, parallel), called="wait_short")
    if rng.random() < 0.3:
        ends = (ends[1], ends[0])
    shape, types = b.shape(ends[0])[0], [b.shape(end)[1] for end in ends]
    total = b.add("add", "sum", ends, shape, *types, parallel, 2, -3, 1)
    b.act("sum", total)
    return Dataflow("block", tuple(b.ops), b.sources)


def with_depth(dataflow: Dataflow, depth: int) -> Dataflow:
    ops = tuple(replace(op, depth=depth) if op.name in branch_depths(dataflow) else op for op in dataflow.ops)
    return replace(dataflow, ops=ops)


def codes(dataflow: Dataflow, frames: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 8, (frames, *dataflow.input.shape))


def interval(dataflow: Dataflow, folder: Path, stalls: bool) -> float:
    """Cycles per frame between the 3rd and the last of 9 frames; the outputs are checked, under stalls too."""
    frames = codes(dataflow, 9)
    with Simulator(dataflow, build(dataflow, folder)) as simulator:
        result = simulator.run(frames)
        np.testing.assert_array_equal(result.outputs, dataflow.golden(frames))
        for seed, (stall_in, stall_out) in enumerate([(0.5, 0.0), (0.0, 0.7), (0.3, 0.3), (0.95, 0.9)] * stalls):
            stalled = simulator.run(frames, stall_in=stall_in, stall_out=stall_out, seed=seed)
            np.testing.assert_array_equal(stalled.outputs, result.outputs)
    return (result.frame_cycles[-1] - result.frame_cycles[2]) / 6


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(5))
def test_residual_blocks_keep_their_pace(tmp_path: Path, seed: int) -> None:
    dataflow = with_branch_depths(block(seed))
    paced = interval(dataflow, tmp_path / "sized", True)
    assert paced <= interval(with_depth(dataflow, ENDLESS), tmp_path / "endless", False)
    assert paced <= 1.1 * dataflow.cycles_per_frame_bound


@pytest.mark.sim
@pytest.mark.parametrize("seed", [7, 8])
def test_block_ram_keeps_the_pace_though_it_answers_later(tmp_path: Path, seed: int) -> None:
    dataflow = with_branch_depths(block(seed, (4, 64)))
    assert next(op for op in dataflow.ops if op.name == "wait_short").in_blocks
    assert interval(dataflow, tmp_path / "sized", True) <= 1.02 * dataflow.cycles_per_frame_bound


@pytest.mark.sim
def test_a_fifo_that_is_too_shallow_deadlocks(tmp_path: Path) -> None:
    dataflow = with_depth(block(0), 2)
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        complaint = "sum waits for wait_long while wait_short is full: a fifo in front of it is too shallow"
        with pytest.raises(FlowError, match=complaint):
            simulator.run(codes(dataflow, 3))


@pytest.mark.sim
def test_nested_branches_and_channels_that_wait_for_their_turn(tmp_path: Path) -> None:
    dataflow = with_branch_depths(residual_with_fifos())
    paced = interval(dataflow, tmp_path / "sized", True)
    assert paced <= 1.1 * dataflow.cycles_per_frame_bound


def test_the_longer_branch_needs_next_to_nothing() -> None:
    for seed in range(30):
        depths = branch_depths(block(seed))
        assert depths["wait_long"] < depths["wait_short"], seed


def test_depths_do_not_depend_on_those_there() -> None:
    assert branch_depths(block(3)) == branch_depths(with_depth(block(3), 77))


def test_the_short_branch_holds_what_the_window_takes_in() -> None:
    """Two rows and more of an image of 4 x 2 beats per row before the first 3x3 window under a border of one."""
    assert branch_depths(residual_with_fifos())["skip"] >= 2 * 4


def test_refuses_a_meeting_without_a_fifo() -> None:
    with pytest.raises(HardwareError, match="sum0 takes conv0 with no fifo between: put one there, of any depth"):
        branch_depths(residual())


def test_a_chain_has_no_such_fifos() -> None:
    assert branch_depths(Dataflow("chain", (op_class("fifo")("fifo0", (4,), UINT3, 1, 2),))) == {}


def influence(op: Op) -> np.ndarray:
    """By experiment: how many input beats, counted from the first, have any say in each output beat."""
    rng = np.random.default_rng(0)
    stream, out = op.input, op.output
    base = rng.integers(stream.dtype.min, stream.dtype.max, (1, *stream.shape), endpoint=True)
    needed = np.zeros(out.beats, np.int64)
    for beat in range(stream.beats):
        for value in (stream.dtype.min, stream.dtype.max):
            changed = base.reshape(-1, stream.parallel).copy()
            changed[beat] = value
            result = op.golden(changed.reshape(base.shape)) != op.golden(base)
            needed[result.reshape(-1, out.parallel).any(axis=1)] = beat + 1
    return needed


def test_no_output_needs_more_than_it_says() -> None:
    """Whatever input beat changes an output beat is among those that `needs` counts."""
    for seed in range(4):
        for op in [*block(seed).ops, Argmax("a", 5, INT3, True), Argmax("a", 5, INT3, False)]:
            if op.kind not in ("fork", "add"):
                (needs,) = needs_of(op)
                assert len(needs) == op.output.beats and np.all(np.diff(needs) >= 0), op.name
                assert np.all(influence(op) <= needs) and needs[-1] <= op.input.beats, op.name
