"""Black-box attacks against the golden model and the simulated circuit of a finished run, queries a second each.

`python -m benchmarks.attack_hardware runs/digits` prints JSON. Both targets give the same scores, so every attack sends
both the same queries; batch sizes are the attack's own and shrink as images are fooled.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.record import emit
from flows.attack.hardware import through_queries
from flows.errors import FlowError
from flows.stages.files import read_arrays
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from flows.targets.target import Target
from hw.dataflow import Dataflow


def measure(target: Target, name: str, x: np.ndarray, y: np.ndarray, epsilon: float, queries: int) -> dict:
    """One attack on one target: success rate, queries, seconds. Raises FlowError where the counts disagree."""
    attack, before, started = through_queries(name, queries, 0), target.queries, time.perf_counter()
    batch = attack(target, x, y, epsilon)
    seconds, asked = time.perf_counter() - started, target.queries - before
    if asked != int(batch.queries.sum()):
        raise FlowError(f"{name}: {target.name} counted {asked} queries, the attack {int(batch.queries.sum())}")
    return {
        "target": target.name,
        "attack": name,
        "fooled": float(batch.success.mean()),
        "queries": asked,
        "seconds": seconds,
        "queries_per_second": asked / seconds,
    }


def benchmark(run: Path, names: list[str], images: int, queries: int, epsilon: float) -> dict:
    """Rows of `measure`, and per attack how many times slower the circuit is than the golden model."""
    dataflow = Dataflow.load(run / "compile")
    x, y = (array[:images] for array in read_arrays(run / "data" / "test.npz", "x", "y"))
    rows, ratios = [], {}
    with RtlTarget(dataflow, run / "circuit" / "library.so") as circuit:
        targets = (OnnxTarget(dataflow), circuit)
        for target in targets:
            target.predict(x)  # warm
        for name in names:
            golden, rtl = (measure(target, name, x, y, epsilon, queries) for target in targets)
            if (golden["fooled"], golden["queries"]) != (rtl["fooled"], rtl["queries"]):
                raise FlowError(f"{name}: golden model and circuit were not attacked alike: {golden}, {rtl}")
            rows += [golden, rtl]
            ratios[name] = golden["queries_per_second"] / rtl["queries_per_second"]
    return {"run": run.name, "images": len(x), "budget": queries, "epsilon": epsilon, "rows": rows, "ratio": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("--attacks", nargs="+", default=["square", "nes", "hop-skip-jump"])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--out", help="a file for the JSON, too")
    options = parser.parse_args()
    result = benchmark(options.run, options.attacks, options.images, options.queries, options.epsilon)
    emit(result, options.out)


if __name__ == "__main__":
    main()
