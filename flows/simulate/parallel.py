"""Many frames through several copies of one compiled circuit at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.simulate.simulator import Simulator
from hw.dataflow import Dataflow


def run_parallel(dataflow: Dataflow, library: Path, codes: np.ndarray, workers: int) -> np.ndarray:
    """Integers (N, *input.shape) -> int64 (N, *output.shape), in order, by `workers` circuits of their own.

    A circuit runs outside Python's lock, so threads suffice. Raises what `Simulator` raises, and FlowError for fewer
    than one worker.
    """
    if workers < 1:
        raise FlowError(f"expected at least 1 worker, got {workers}")

    def simulate(part: np.ndarray) -> np.ndarray:
        with Simulator(dataflow, library) as simulator:
            return simulator.run(part).outputs

    parts = [part for part in np.array_split(np.asarray(codes), workers) if len(part)]
    if not parts:
        raise FlowError("expected at least one frame, got none")
    with ThreadPoolExecutor(len(parts)) as pool:
        return np.concatenate(list(pool.map(simulate, parts)))
