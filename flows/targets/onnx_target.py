"""The golden model as a target."""

from __future__ import annotations

import numpy as np

from flows.golden.session import GoldenSession
from flows.targets.layout import to_codes
from hw.dataflow import Dataflow


class OnnxTarget:
    """A dataflow in onnxruntime. `threads`: of onnxruntime. See `flows.targets.target.Target`."""

    name = "onnxruntime"

    def __init__(self, dataflow: Dataflow, *, threads: int = 1) -> None:
        self._dataflow = dataflow
        self._session = GoldenSession(dataflow, threads=threads)
        self.queries = 0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype."""
        codes = to_codes(images, self._dataflow.input.shape, self.name)
        scores = self._dataflow.result(self._session.run(codes)).scores
        self.queries += len(images)
        return scores
