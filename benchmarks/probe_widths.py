"""`python -m benchmarks.probe_widths RUN`: what attacks by finite differences fool, by the width of their probes.

The target is the golden model of a finished run. Writes `results/benchmarks/probe_widths.json` and the table of
`docs/attacks.md`.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import numpy as np

from benchmarks.record import emit
from flows.attack.registry import build, parameters
from flows.report.markdown import markdown_table, write_between
from flows.stages.files import read_arrays
from flows.targets.onnx_target import OnnxTarget
from hw.dataflow import Dataflow

WIDTHS = (1, 4, 8, 16, 32, 64)
ATTACKS = ("nes", "spsa", "zoo")
BESIDE = ("square", "parsimonious", "uniform")
BEGIN = "<!-- probe widths: made by `python -m benchmarks.probe_widths`; do not edit -->"
END = "<!-- end of probe widths -->"


def shares(target: OnnxTarget, x: np.ndarray, y: np.ndarray, epsilon: float, queries: int) -> dict[str, object]:
    """Shares of images fooled: `by_width`, attack -> width as text -> share; `beside`: attacks without probes."""
    fooled = {
        name: {
            str(width): float(
                build(name, {"queries": queries, "delta": float(width)})(target, x, y, epsilon).success.mean()
            )
            for width in WIDTHS
        }
        for name in ATTACKS
    }
    others = {}
    for name in BESIDE:
        values = {"queries": queries} if "queries" in parameters(name) else {}
        others[name] = float(build(name, values)(target, x, y, epsilon).success.mean())
    clean = float((target.predict(x).argmax(axis=1) != y).mean())
    return {"wrong_clean": clean, "by_width": fooled, "beside": others}


def table(record: dict) -> str:
    """Markdown of a record as JSON gives it back."""
    lines = []
    for name, found in record["by_width"].items():
        lines.append([f"`{name}`", *(f"{100 * found[str(width)]:.0f} %" for width in WIDTHS)])
    beside = ", ".join(f"`{name}` {100 * share:.0f} %" for name, share in record["beside"].items())
    about = (
        f"Run `{record['run']}`, epsilon {record['epsilon']:g}, {record['images']} images, {record['queries']} queries."
        f"\nWrong clean: {100 * record['wrong_clean']:.0f} %. Beside them: {beside}."
    )
    return "\n\n".join([markdown_table(["fooled at `delta` of codes", *map(str, WIDTHS)], lines), about])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run directory whose compile stage has finished")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/probe_widths.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/attacks.md"))
    arguments = parser.parse_args()
    x, y = (part[: arguments.images] for part in read_arrays(arguments.run / "data" / "test.npz", "x", "y"))
    target = OnnxTarget(Dataflow.load(arguments.run / "compile"))
    record = {
        "run": tomllib.loads((arguments.run / "config.toml").read_text())["name"],
        "images": len(x),
        "queries": arguments.queries,
        "epsilon": arguments.epsilon,
        **shares(target, x, y, arguments.epsilon, arguments.queries),
    }
    emit(record, arguments.out)
    write_between(arguments.page, BEGIN, END, table(record))


if __name__ == "__main__":
    main()
