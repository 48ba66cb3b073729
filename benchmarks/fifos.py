"""`python -m benchmarks.fifos`: fifos in block RAM, estimated and placed.

Writes `results/benchmarks/fifos.json` and the table of `hw/ops/fifo/README.md`. None of these sizes is one that the
estimate's constants were fitted to.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import measure, of_operator
from benchmarks.operators import fifo
from benchmarks.record import SYNTHESIS, emit, versions
from flows.report.markdown import markdown_table, write_between

SIZES = ((16, 200), (128, 70), (12, 1500), (36, 258), (72, 700), (4, 3000))
BEGIN, END = "<!-- fifos: made by `python -m benchmarks.fifos`; do not edit -->", "<!-- end of fifos -->"


def table(record: dict) -> str:
    """Markdown of a record."""
    lines = []
    for row in record["rows"]:
        counts = (", ".join(f"{row[side][key]:,}" for key in ("lut4", "ff", "ebr")) for side in ("estimate", "placed"))
        lines.append([f"{row['bits']} bits, {row['beats']} beats", *counts, f"{row['placed']['fmax_mhz'][0]:.0f} MHz"])
    return markdown_table(["instance", "estimate: LUT4, FF, EBR", "placed", "Fmax (85F, speed 6)"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/fifos.json"))
    parser.add_argument("--page", type=Path, default=Path("hw/ops/fifo/README.md"))
    arguments = parser.parse_args()
    rows = []
    for bits, beats in SIZES:
        op = fifo(bits, beats)
        placed = measure(of_operator(op), [1])
        rows.append({"bits": bits, "beats": beats, "estimate": asdict(op.resources()), "placed": placed})
    record = {"versions": versions(SYNTHESIS), "rows": rows}
    emit(record, arguments.out)
    write_between(arguments.page, BEGIN, END, table(record))


if __name__ == "__main__":
    main()
