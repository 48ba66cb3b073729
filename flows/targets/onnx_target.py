"""The golden model as a target."""

from __future__ import annotations

import numpy as np

from flows.golden.session import GoldenSession
from flows.targets.layout import to_codes
from hw.dataflow import Dataflow
from hw.registers import writes


class OnnxTarget:
    """A dataflow in onnxruntime; one that remembers frames in numpy (`name` says which), every call as after a reset.
    `threads`: of onnxruntime. See `flows.targets.target.Target`."""

    def __init__(self, dataflow: Dataflow, *, threads: int = 1) -> None:
        self._dataflow = dataflow
        self._threads = threads
        self._session = GoldenSession(dataflow, threads=threads)
        self.name = self._session.engine
        self.queries = 0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype."""
        codes = to_codes(images, self._dataflow.input.shape, self.name)
        scores = self._dataflow.result(self._session.run(codes)).scores
        self.queries += len(images)
        return scores

    def update(self, new: Dataflow) -> int:
        """Computes `new` from now on; returns how many words a circuit would be sent. Raises HardwareError where
        anything else than writable numbers differs, as a circuit's target does."""
        words = len(writes(self._dataflow, new))
        self._dataflow, self._session = new, GoldenSession(new, threads=self._threads)
        return words
