"""`python -m benchmarks.resources`: what the operators' estimates say and what synthesis and placement gave.

Two sets of rows. `fitted`: the operators of `benchmarks.operators`, to which the estimates' constants were fitted, so
their errors say only how well the formulas can follow. `held out`: the operators of whole placed networks
(`--placed`), which no constant was fitted to: their errors are what a user has to expect.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.measure import measure, of_operator
from benchmarks.operators import spread
from benchmarks.record import SYNTHESIS, earlier, versions, write
from flows.report.markdown import write_between
from hw.dataflow import Dataflow
from hw.op import Op, inputs_of, outputs_of

KEYS = ("lut4", "ff", "ebr", "dsp")
BEGIN = "<!-- resources: made by `python -m benchmarks.resources --page`; do not edit -->"
END = "<!-- end of resources -->"
FITTED, HELD_OUT = "fitted", "held out"


def describe(op: Op) -> str:
    """One line: the operator's parameters."""
    text = ", ".join(f"{key} {value}" for key, value in op.to_record()[0].items())
    taken, given = inputs_of(op)[0], outputs_of(op)[0]
    return f"{'x'.join(map(str, taken.shape))} {taken.dtype.name} to {given.dtype.name}: {text}"


def row(group: str, source: str, op: Op, measured: dict[str, object]) -> dict[str, object]:
    """`error`: (estimate - measured) / measured, for LUT4 and FF, and the difference for the blocks."""
    estimate = asdict(op.resources())
    error = {key: round((estimate[key] - measured[key]) / max(1, measured[key]), 3) for key in KEYS[:2]}
    error |= {key: estimate[key] - measured[key] for key in KEYS[2:]}
    record = {"group": group, "source": source, "kind": op.kind, "operator": describe(op), "estimate": estimate}
    return record | {"measured": {key: measured[key] for key in KEYS}, "error": error}


def placed(folder: Path) -> Iterator[dict[str, object]]:
    """Rows of a placed network: `folder` is a run, or what `holdfast compile` and `bitstream` made."""
    compiled, built = (part if part.is_dir() else folder for part in (folder / "compile", folder / "bitstream"))
    dataflow = Dataflow.load(compiled)
    measured = {used["name"]: used for used in json.loads((built / "bitstream.json").read_text())["ops"]}
    for op in dataflow.ops:
        yield row(HELD_OUT, folder.name, op, measured[op.name])


def summarize(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Median and worst size of the errors, and the error of the sum of all rows; of blocks, how many rows are wrong."""
    summary: dict[str, dict[str, float]] = {"operators": len(rows)}
    for key in KEYS[:2]:
        errors = [row["error"][key] for row in rows]
        all_estimated, all_measured = (sum(row[side][key] for row in rows) for side in ("estimate", "measured"))
        summary[key] = {
            "median": round(median(map(abs, errors)), 3),
            "worst": max(errors, key=abs),
            "sum": round(all_estimated / max(1, all_measured) - 1, 3),
        }
    for key in KEYS[2:]:
        wrong = [row["error"][key] for row in rows if row["error"][key]]
        there = sum(row["measured"][key] for row in rows)
        summary[key] = {"wrong_rows": len(wrong), "sum_of_errors": sum(wrong), "measured": there}
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/resources.json"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=[], help="only these kinds of operators")
    parser.add_argument(
        "--placed", nargs="*", type=Path, default=[], help="finished runs, or compiled and placed folders"
    )
    parser.add_argument("--page", type=Path, help="a Markdown page whose table is made of the record")
    parser.add_argument("--only-placed", action="store_true", help="measure nothing anew")
    arguments = parser.parse_args()
    tools = versions(SYNTHESIS)
    names = {folder.name for folder in arguments.placed}
    rows = [old for old in earlier(arguments.out, tools) if old["source"] not in names]
    rows += [found for folder in arguments.placed for found in placed(folder)]
    save(arguments.out, tools, rows)
    done = {old["operator"] for old in rows if old["group"] == FITTED}
    for op in [] if arguments.only_placed else spread():
        if describe(op) not in done and (not arguments.kinds or op.kind in arguments.kinds):
            rows.append(row(FITTED, f"seed {arguments.seed}", op, measure(of_operator(op), [arguments.seed])))
            print(json.dumps(rows[-1]), flush=True)
            save(arguments.out, tools, rows)
    print(json.dumps(json.loads(arguments.out.read_text())["summary"], indent=1))
    if arguments.page:
        write_between(arguments.page, BEGIN, END, table(rows))


def table(rows: list[dict]) -> str:
    """Markdown: the errors of each set, and of the kinds of operators in it."""
    lines = ["| set | operators | LUT4: median, sum | FF: median, sum | block RAMs | multipliers |"]
    lines.append("|---|---|---|---|---|---|")
    for group in (HELD_OUT, FITTED):
        inside = [found for found in rows if found["group"] == group]
        sources = sorted({found["source"] for found in inside})
        lines += [_line(f"**{group}** ({', '.join(sources)})", inside)] if inside else []
        for kind in sorted({found["kind"] for found in inside}):
            lines.append(_line(f"`{kind}`", [found for found in inside if found["kind"] == kind]))
    return "\n".join(lines)


def _line(name: str, rows: list[dict]) -> str:
    summary = summarize(rows)
    logic = (f"{summary[key]['median']:.1%}, {summary[key]['sum']:+.1%}" for key in KEYS[:2])
    blocks = (
        f"{summary[key]['measured'] + summary[key]['sum_of_errors']} for {summary[key]['measured']}" for key in KEYS[2:]
    )
    return f"| {name} | {len(rows)} | {' | '.join(logic)} | {' | '.join(blocks)} |"


def save(out: Path, tools: dict[str, str], rows: list[dict]) -> None:
    groups = {group: [found for found in rows if found["group"] == group] for group in (HELD_OUT, FITTED)}
    summary = {group: summarize(found) for group, found in groups.items() if found}
    write(out, {"versions": tools, "summary": summary, "rows": rows})


if __name__ == "__main__":
    main()
