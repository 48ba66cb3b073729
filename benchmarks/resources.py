"""`python -m benchmarks.resources`: what the operators' estimates say and what synthesis and placement gave."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.measure import measure, of_operator
from benchmarks.operators import spread
from benchmarks.record import versions, write
from hw.op import Op

KEYS = ("lut4", "ff", "ebr", "dsp")


def describe(op: Op) -> str:
    """One line: the operator's parameters."""
    text = ", ".join(f"{key} {value}" for key, value in op.to_record()[0].items())
    return f"{'x'.join(map(str, op.input.shape))} {op.input.dtype.name} to {op.output.dtype.name}: {text}"


def row(op: Op, seed: int) -> dict[str, object]:
    """`error`: (estimate - measured) / measured, for LUT4 and FF, and the difference for the blocks."""
    estimate, measured = asdict(op.resources()), measure(of_operator(op), [seed])
    error = {key: round((estimate[key] - measured[key]) / max(1, measured[key]), 3) for key in KEYS[:2]}
    error |= {key: estimate[key] - measured[key] for key in KEYS[2:]}
    record = {"kind": op.kind, "operator": describe(op), "estimate": estimate}
    return record | {"measured": {key: measured[key] for key in KEYS}, "fmax_mhz": measured["fmax_mhz"], "error": error}


def summarize(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Median and worst size of the errors, and the error of the sum of all rows."""
    summary = {}
    for key in KEYS[:2]:
        errors = [row["error"][key] for row in rows]
        all_estimated, all_measured = (sum(row[side][key] for row in rows) for side in ("estimate", "measured"))
        summary[key] = {
            "median": round(median(map(abs, errors)), 3),
            "worst": max(errors, key=abs),
            "sum": round(all_estimated / all_measured - 1, 3),
        }
    for key in KEYS[2:]:
        summary[key] = {"wrong_rows": sum(row["error"][key] != 0 for row in rows)}
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/resources.json"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=[], help="only these kinds of operators")
    arguments = parser.parse_args()
    rows = []
    for op in spread():
        if not arguments.kinds or op.kind in arguments.kinds:
            rows.append(row(op, arguments.seed))
            print(json.dumps(rows[-1]), flush=True)
    summary = summarize(rows)
    print(json.dumps(summary))
    write(arguments.out, {"seed": arguments.seed, "versions": versions(), "summary": summary, "rows": rows})


if __name__ == "__main__":
    main()
