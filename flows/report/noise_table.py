"""What `results/robustness.json` says of noise on its way through the networks, as a table."""

from __future__ import annotations

import json
from pathlib import Path

from flows.report.markdown import markdown_table, write_between
from flows.report.robustness import GROWTH, cells

BEGIN, END = "<!-- noise: made by `holdfast study`; do not edit -->", "<!-- end of noise -->"
HEAD = ("data", "network", "defence", "W/A bits", "ε", "clean", "noise", "worst case's noise", "bound")


def table(results: Path) -> str:
    """Markdown: the factors by which noise grew from the pixels to the logits, and the bound on any. Rows of networks
    that were not looked at are left out."""
    rows = [row for row in json.loads((results / "robustness.json").read_text()) if row["noise_growth"] is not None]
    lines = []
    for row in rows:
        factors = ("-" if row[key] is None else f"{row[key]:.3g}" for key in GROWTH)
        lines.append([*cells(row), f"{row['epsilon']:g}", f"{100 * row['clean']:.1f} %", *factors])
    return markdown_table(HEAD, lines)


def write_page(page: Path, results: Path) -> None:
    """Puts `table(results)` between the two marks of a Markdown file. Raises FlowError where the marks are missing."""
    write_between(page, BEGIN, END, table(results))
