"""`threshold`: the count is right on both sides of every step, for every channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.threshold.threshold import Threshold


def table(seed: int, dtype: IntType, channels: int, count: int) -> np.ndarray:
    """Sorted random thresholds from one below the type to one above it; row 0 all at the bottom, row 1 never."""
    rng = np.random.default_rng(seed)
    values = np.sort(rng.integers(dtype.min - 1, dtype.max + 1, (channels, count), endpoint=True), axis=1)
    values[0], values[1, -1] = dtype.min, dtype.max + 1
    return values


def make(shape, x: str, count: int, y: str, pe: int, start: int = 0, step: int = 1) -> Threshold:
    x_type = IntType.parse(x)
    return Threshold("t", shape, x_type, table(count, x_type, shape[-1], count), IntType.parse(y), pe, start, step)


CASES = {
    "two_bits": make((3, 2, 6), "INT9", 3, "UINT2", 2),
    "bipolar": make((8,), "INT7", 1, "BIPOLAR", 4, start=-1, step=2),
    "padded_search": make((2, 2, 3), "UINT6", 5, "INT4", 3, start=-3),
    "falling": make((2, 3, 4), "INT14", 7, "INT6", 1, start=20, step=-5),
    "eight_bits": make((2, 1, 4), "INT12", 255, "UINT8", 2),
    "from_bipolar": make((1, 4, 2), "BIPOLAR", 3, "UINT2", 1),
    "block_memory": make((300,), "INT9", 3, "UINT2", 1),
    "wide": make((5,), "INT33", 2, "UINT2", 5),
}


def steps(op: Threshold) -> np.ndarray:
    """Frames (N, *shape) that put every threshold t of every channel at t - 1, t and t + 1, within the type."""
    around = op.thresholds.T[:, None] + np.array([-1, 0, 1])[:, None]  # (T, 3, C)
    values = np.clip(around.reshape(-1, op.shape[-1]), op.input_type.min, op.input_type.max)
    if op.input_type.bipolar:
        values = np.where(values > 0, 1, -1)
    return np.broadcast_to(values.reshape(-1, *[1] * (len(op.shape) - 1), op.shape[-1]), (len(values), *op.shape))


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: Threshold, exercise, tmp_path: Path) -> None:
    exercise(op)
    dataflow, codes = Dataflow("under_test", (op,)), steps(op)
    with Simulator(dataflow, build(dataflow, tmp_path / "circuit")) as simulator:
        result = simulator.run(codes, stall_in=0.2, stall_out=0.4, seed=5)
    np.testing.assert_array_equal(result.outputs, dataflow.golden(codes))


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_golden_is_the_formula(op: Threshold) -> None:
    for frame in steps(op)[:60]:
        flat, out = frame.reshape(-1, op.shape[-1]), op.golden(frame[None]).reshape(-1, op.shape[-1])
        for pixel, channel in np.ndindex(flat.shape):
            count = sum(int(flat[pixel, channel]) >= int(t) for t in op.thresholds[channel])
            assert out[pixel, channel] == op.start + op.step * count


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_memories_decide_as_the_golden_model(op: Threshold) -> None:
    """Walks the search by hand: the memory images alone must give the count of every channel."""
    module, bits = op.module(), op.input_type.bits + 1
    folds = module.parameters["FOLDS"]
    for frame in steps(op)[:: max(1, len(steps(op)) // 20)]:
        pixel = frame.reshape(-1, op.shape[-1])[0]
        expected = ((op.golden(frame[None]).reshape(-1, op.shape[-1])[0]) - op.start) // op.step
        for channel in range(op.shape[-1]):
            code = int(op.input_type.encode(pixel)[channel])
            code ^= (1 << op.input_type.bits - 1) if op.input_type.signed else 0
            fold, lane, count = channel // op.pe, channel % op.pe, 0
            for level in range(op.levels):
                memory = module.memories[f"LEVEL{level}"]
                assert len(memory.words) == folds << level
                word = memory.words[(fold << level) + count]
                count = 2 * count + (code >= (word >> lane * bits & (1 << bits) - 1))
            assert count == expected[channel]


def test_onnx_refuses_what_float_would_round() -> None:
    op = Threshold("t", (1,), IntType(30, True), np.array([[5]]), IntType(1, False), 1)
    codes = np.array([[4], [5], [-(1 << 29)], [(1 << 29) - 1]])
    assert op.golden(codes).ravel().tolist() == [0, 1, 0, 1]
    assert Dataflow("d", (op,)).to_onnx().graph.node[0].attribute[0].i == 11  # double


def test_record(tmp_path: Path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)
    assert CASES["two_bits"] != CASES["padded_search"]


GOOD = {
    "name": "t", "shape": (2, 2, 3), "input_type": IntType(4, True), "output_type": IntType(2, False), "pe": 3,
    "thresholds": np.array([[-8, 0, 3], [1, 1, 1], [7, 8, 8]]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"thresholds": GOOD["thresholds"][:2]}, r"t: expected integer thresholds \(3, T\), got int64 \(2, 3\)"),
        ({"thresholds": GOOD["thresholds"] * 0.5}, r"expected integer thresholds \(3, T\), got float64"),
        ({"thresholds": np.zeros((3, 256), int)}, r"t: expected 1 to 255 thresholds per channel, got 256"),
        ({"thresholds": np.zeros((3, 0), int)}, r"expected 1 to 255 thresholds per channel, got 0"),
        ({"thresholds": GOOD["thresholds"][:, ::-1]}, r"ascending thresholds, channel 0 is not; sort them"),
        ({"thresholds": GOOD["thresholds"] + 1}, r"thresholds from -9 to 8 for INT4, got -7..9; clip them"),
        ({"output_type": IntType(32, True)}, r"t: expected an output type of 1 to 31 bits, got INT32"),
        ({"start": 1}, r"t output: expected UINT2 \(0..3\), got 1..4"),
        ({"pe": 2}, r"expected elements per beat to divide 3, got 2"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    Threshold(**GOOD)
    with pytest.raises(HardwareError, match=text):
        Threshold(**GOOD | change)
