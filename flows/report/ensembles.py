"""`results/ensembles/`: what studies' ensembles are worth, the table of all of them and their information planes."""

from __future__ import annotations

import json
from pathlib import Path

from flows.ensemble.record import read
from flows.errors import FlowError
from flows.report.information_plane import draw
from flows.report.markdown import markdown_table, write_between
from flows.report.robustness import place
from flows.report.summary import write_whole
from flows.report.words import percent

FOLDER = "ensembles"
BEGIN, END = "<!-- ensembles: made by `holdfast study`; do not edit -->", "<!-- end of ensembles -->"
ANSWERS = {"sum": "scores added", "random": "one member drawn"}
LEFT = ("clean", "fgsm", "one_draw_pgd", "eot_pgd")
HEAD = ("data", "run", "ε", "answer", "clean", "FGSM", "PGD of one draw", "EOT-PGD", "detects it",
        "detects evasion")  # fmt: skip


def keep(run: Path, results: Path) -> Path:
    """Writes `results/ensembles/<name>.json`, what `holdfast ensemble` said of a run; returns the path."""
    record = read(run)
    if record is None:
        raise FlowError(f"{run}: expected ensemble.json of its trained network, got none; run holdfast ensemble {run}")
    (results / FOLDER).mkdir(parents=True, exist_ok=True)
    return write_whole(results / FOLDER / f"{record['run']}.json", json.dumps(record, indent=1) + "\n")


def table(results: Path) -> str:
    """Markdown: two rows for each ensemble that is kept, one for each way to answer."""
    lines = []
    for record in _kept(results):
        seen = {row["attack"]: "-" if row["auroc"] is None else f"{row['auroc']:.2f}" for row in record["detection"]}
        start = [record["dataset"], f"`{record['run']}`", f"{record['epsilon']:g}"]
        for answer, words in ANSWERS.items():
            left = record["answers"][answer]
            caught = [seen["eot-pgd"], seen["evasion"]] if answer == "sum" else ["", ""]
            lines.append([*start, words, *(percent(left[key]) for key in LEFT), *caught])
    return markdown_table(HEAD, lines)


def write_page(page: Path, results: Path) -> None:
    """Puts `table(results)` between the two marks of a Markdown file and draws `results/ensembles/<dataset>.svg`, the
    information plane of all ensembles on that data. Raises FlowError where the marks are missing."""
    write_between(page, BEGIN, END, table(results))
    records = _kept(results)
    for dataset in dict.fromkeys(record["dataset"] for record in records):
        same = [record | {"title": record["run"]} for record in records if record["dataset"] == dataset]
        write_whole(results / FOLDER / f"{dataset}.svg", draw(same))


def _kept(results: Path) -> list[dict]:
    records = [json.loads(file.read_text()) for file in sorted((results / FOLDER).glob("*.json"))]
    return sorted(records, key=lambda record: (place(record["dataset"]), record["run"]))
