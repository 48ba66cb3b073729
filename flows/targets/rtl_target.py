"""The simulated circuit as a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.simulate.simulator import Simulator
from flows.targets.layout import to_codes
from hw.dataflow import Dataflow


class RtlTarget:
    """The circuit in Verilator; a context manager. `library`: what `flows.simulate.build` returned for `dataflow`."""

    name = "rtl"

    def __init__(self, dataflow: Dataflow, library: Path) -> None:
        self._dataflow = dataflow
        self._simulator = Simulator(dataflow, library)
        self.queries = 0

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype."""
        codes = to_codes(images, self._dataflow.input.shape, self.name)
        scores = self._dataflow.result(self._simulator.run(codes).outputs).scores
        self.queries += len(images)
        return scores

    def update(self, new: Dataflow) -> int:
        """Rewrites the circuit's numbers so that it computes `new`; returns how many words it took. See
        `flows.simulate.Simulator.update`."""
        words = self._simulator.update(new)
        self._dataflow = new
        return words

    def close(self) -> None:
        """Frees the simulated circuit; the target cannot be asked again."""
        self._simulator.close()

    def __enter__(self) -> RtlTarget:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
