"""`holdfast certify RUN`: proofs about the dataflow of a finished run, on its test images."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from flows.certify.record import certify
from flows.errors import FlowError
from flows.run.finished import opened
from flows.stages.files import read_arrays, read_json, write_json
from hw.dataflow import Dataflow
from hw.identity import identity

NAME = "certify.json"


def certify_run(
    run: Path,
    epsilon: float | None,
    images: int | None,
    nodes: int,
    progress: Callable[[float, str], None] = lambda share, text: None,
) -> dict[str, object]:
    """Writes and returns `RUN/certify.json`: see `flows.certify.record.certify`.

    `epsilon`: pixel units, None for the run's `attack.epsilon`. `images`: how many test images, the first ones, None
    for all. Raises FlowError where the run's compile stage has not finished or its network cannot be bounded.
    """
    with opened(run, "data", "compile") as context:
        x, y = read_arrays(context.input("data", "test.npz"), "x", "y")
        count = len(x) if images is None else images
        if not 1 <= count <= len(x):
            raise FlowError(f"certify --images: expected 1 to {len(x)} (the test images of this run), got {count}")
        budget = context.config.attack.epsilon if epsilon is None else epsilon
        began = time.monotonic()
        record = certify(Dataflow.load(run / "compile"), x[:count], y[:count], budget, nodes, progress)
        record |= {"run": context.config.name, "seconds": round(time.monotonic() - began, 1)}
        write_json(run / f".{NAME}", record)
        (run / f".{NAME}").replace(run / NAME)
    return record


def read(run: Path) -> dict[str, object] | None:
    """`certify.json` of a run directory; None where there is none, or one of another circuit."""
    path = run / NAME
    if not path.is_file() or not (run / "compile" / "dataflow.json").is_file():
        return None
    record = read_json(path)
    return record if record.get("dataflow") == identity(Dataflow.load(run / "compile")) else None
