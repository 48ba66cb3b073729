"""`exercise`: one operator's circuit against its numpy model and its ONNX, with and without stalls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.stream import Stream
from tests.rooms import load_room

STALLS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.6, 0.6), (0.9, 0.2), (0.2, 0.9))


def random_codes(stream: Stream, frames: int, seed: int) -> np.ndarray:
    """Integers (frames, *shape) over the whole type, its two ends often; some frames are constant (ties)."""
    rng = np.random.default_rng(seed)
    dtype, shape = stream.dtype, (frames, *stream.shape)
    values = rng.integers(dtype.min, dtype.max, shape, endpoint=True, dtype=np.int64)
    ends = rng.choice(np.array([dtype.min, dtype.max]), shape)
    values = np.where(rng.random(shape) < 0.3, ends, values)
    every = max(2, frames // 3)
    values[::every] = ends[::every].reshape(-1, stream.elements)[:, :1].reshape(-1, *[1] * len(stream.shape))
    return dtype.decode(rng.integers(0, 2, shape)) if dtype.bipolar else values


def run_onnx(dataflow: Dataflow, codes: np.ndarray) -> np.ndarray:
    """The last operator's output, int64, by onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = dataflow.to_onnx().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run([dataflow.ops[-1].name], {"codes": codes})[0]


def check(dataflow: Dataflow, folder: Path, frames: int = 12, latency: int | None = None) -> None:
    """RTL == golden == ONNX on every integer under all stalls, after resets in mid-frame; interval, latency."""
    with Simulator(dataflow, build(dataflow, folder)) as simulator:
        for seed, (stall_in, stall_out) in enumerate(STALLS):
            codes = random_codes(dataflow.input, frames, seed)
            expected = dataflow.golden(codes)
            dataflow.output.dtype.check(expected, "golden")
            np.testing.assert_array_equal(run_onnx(dataflow, codes), expected)
            result = simulator.run(codes, stall_in=stall_in, stall_out=stall_out, seed=seed)
            np.testing.assert_array_equal(result.outputs, expected)
            with pytest.raises(RuntimeError, match="no beat moved"):  # leaves the circuit in mid-frame
                simulator.run(codes, stall_out=1.0, watchdog=200)
        result = simulator.run(codes)
        assert result.initiation_interval == dataflow.cycles_per_frame_bound
        assert latency in (None, result.latency)


@pytest.fixture
def exercise(tmp_path: Path) -> Callable[..., None]:
    """`exercise(op, ..., frames=12, latency=None)`: `check` on a dataflow of these operators."""

    def run(*ops: object, frames: int = 12, latency: int | None = None) -> None:
        check(Dataflow("under_test", ops), tmp_path / "circuit", frames, latency)

    return run


@pytest.fixture(scope="session")
def stutter() -> type:
    """A fifo that moves a beat about every fifth cycle: `stutter(name, shape, dtype, parallel, 2, seed=...)`."""
    return load_room(Path(__file__).parent / "rooms" / "stutter")
