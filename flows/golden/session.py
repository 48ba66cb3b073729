"""Runs a Dataflow as standard ONNX in onnxruntime: the fast golden model. What ONNX cannot hold runs in numpy."""

from __future__ import annotations

import hashlib
from threading import Lock

import numpy as np
import onnxruntime as ort

from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.stream import Stream
from hw.wiring import INPUT

MAX_SESSIONS, MAX_BATCH = 8, 256
CACHE_BYTES, ELEMENT_BYTES = 1 << 23, 8
_sessions: dict[tuple[str, int], ort.InferenceSession] = {}
_lock = Lock()


def _session(model: bytes, threads: int) -> ort.InferenceSession:
    """The process's session for these model bytes; the least recently used one goes when there are too many."""
    key = (hashlib.sha256(model).hexdigest(), threads)
    with _lock:
        session = _sessions.pop(key, None)
        if session is None:
            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
            options.log_severity_level = 3
            session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        _sessions[key] = session
        while len(_sessions) > MAX_SESSIONS:
            del _sessions[next(iter(_sessions))]
    return session


def frames_within(dataflow: Dataflow, size: int) -> int:
    """How many frames' streams `size` bytes hold, as int64: at least 1, at most 256."""
    frame = ELEMENT_BYTES * sum(stream.elements for stream in dataflow.streams.values())
    return min(max(size // frame, 1), MAX_BATCH)


class GoldenSession:
    """The golden model of one dataflow. `engine`: "onnxruntime", or "numpy" for a dataflow that remembers
    (`Dataflow.remembers`), whose N frames are then the first N after a reset.

    `threads`: of onnxruntime, at least 1. `batch`: frames per call (default: as many as the caches hold the streams of,
    at most 256, which is faster than more and bounds the memory). Dataflows whose ONNX is
    the same byte for byte share one onnxruntime session per process. Raises FlowError for bad sizes.
    """

    def __init__(self, dataflow: Dataflow, *, threads: int = 1, batch: int | None = None) -> None:
        if batch is None:
            batch = frames_within(dataflow, CACHE_BYTES)
        if threads < 1 or batch < 1:
            raise FlowError(f"golden: expected threads and batch of at least 1, got {threads} and {batch}")
        self.dataflow = dataflow
        self._batch = batch
        self.engine = "numpy" if dataflow.remembers else "onnxruntime"
        if self.engine == "onnxruntime":
            self._session = _session(dataflow.to_onnx().SerializeToString(deterministic=True), threads)

    def run(self, codes: np.ndarray) -> np.ndarray:
        """Integers (N, *input.shape) -> int64 (N, *output.shape). Raises FlowError for anything else."""
        last = self.dataflow.ops[-1].name
        return self._run(codes, {last: self.dataflow.output})[last]

    def intermediates(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        """Integers (N, *input.shape) -> stream name: its int64 values (N, *shape), in the order of the operators.

        The name is the operator's, or `op.0`, `op.1`, ... where it gives several streams.
        """
        return self._run(codes, {name: stream for name, stream in self.dataflow.streams.items() if name != INPUT})

    def _run(self, codes: np.ndarray, streams: dict[str, Stream]) -> dict[str, np.ndarray]:
        codes = np.asarray(codes)
        expected = self.dataflow.input.shape
        if codes.dtype.kind not in "iu" or codes.shape[1:] != expected:
            raise FlowError(
                f"golden: expected integers of shape (N, {', '.join(map(str, expected))}), "
                f"got {codes.dtype} {codes.shape}"
            )
        self.dataflow.input.dtype.check(codes, "golden input")
        if self.engine == "numpy":
            return {name: values for name, values in self.dataflow.values(codes) if name in streams}
        outputs = {name: np.empty((len(codes), *stream.shape), np.int64) for name, stream in streams.items()}
        for start in range(0, len(codes), self._batch):
            part = slice(start, start + self._batch)
            frames = np.ascontiguousarray(codes[part], dtype=np.int64)
            for name, values in zip(outputs, self._session.run(list(outputs), {"codes": frames}), strict=True):
                outputs[name][part] = values.reshape(len(frames), *streams[name].shape)
        return outputs
