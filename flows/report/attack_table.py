"""`results/campaigns/<name>.json`: what a campaign found on which network, and a page's table made from it."""

from __future__ import annotations

import json
from pathlib import Path

from flows.attack.batch import LINF
from flows.audit import record as audit_record
from flows.errors import FlowError
from flows.report.markdown import markdown_table, write_between
from flows.report.summary import write_whole
from flows.report.words import percent

FOLDER, RECORD = "campaigns", "campaign.json"
NONE, WORST, VERDICT = "none", "worst case", "`holdfast audit`"


def publish_campaign(campaign: Path, results: Path) -> Path:
    """Writes `results/campaigns/<name>.json` from the folder of a finished campaign; returns the path.

    Keys: those of `campaign.json` without what belongs to one machine, and `audit`: what `holdfast audit` said of each
    target that is a network of a run (`verdict`, `worst_case`, `own_gradient`: shares; `images`, `epsilon`).
    Raises FlowError where the campaign has failed shards or no record.
    """
    path = campaign / RECORD
    if not path.is_file():
        raise FlowError(f"{campaign}: expected a finished campaign, got no {RECORD}; holdfast campaign makes it")
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["failed"]:
        raise FlowError(f"{path}: expected a whole campaign, got {len(record['failed'])} failed shards; start it again")
    spec = record["spec"]
    audits = {target["name"]: _audit(target) for target in spec["targets"]}
    for target in spec["targets"]:
        target["run"] = Path(target["run"]).name
    spec["images"].pop("file")
    kept = {key: record[key] for key in ("spec", "images", "shards", "results", "clean", "attacks", "worst_case")}
    kept |= {"audit": {name: found for name, found in audits.items() if found}}
    (results / FOLDER).mkdir(parents=True, exist_ok=True)
    return write_whole(results / FOLDER / f"{spec['name']}.json", json.dumps(kept, indent=1) + "\n")


def _audit(target: dict) -> dict[str, object] | None:
    if target["engine"] != "torch":
        return None
    record = audit_record.read(Path(target["run"]))
    network = record and record["networks"].get(target["network"])
    if not network:
        return None
    return audit_record.headline(network) | {key: record[key] for key in ("images", "epsilon")}


def marks(name: str) -> tuple[str, str]:
    """The two lines between which a page holds this campaign's table."""
    return f"<!-- campaign {name}: made by `holdfast publish`; do not edit -->", f"<!-- end of campaign {name} -->"


def table(results: Path, name: str) -> str:
    """Markdown: a row for each attack and budget, a column for each target; accuracy in percent."""
    record = json.loads((results / FOLDER / f"{name}.json").read_text())
    targets = [target["name"] for target in record["spec"]["targets"]]
    order = [attack["name"] for attack in record["spec"]["attacks"]]
    cells = {(row["attack"], row["norm"], row["epsilon"], row["target"]): row for row in record["attacks"]}
    budgets = sorted({key[:3] for key in cells}, key=lambda key: (key[1] != LINF, key[1], key[2], order.index(key[0])))
    lines = [[NONE, "", "", *(_cell(_find(record["clean"], target=name)) for name in targets)]]
    for attack, norm, epsilon in budgets:
        found = (cells.get((attack, norm, epsilon, target)) for target in targets)
        lines.append([f"`{attack}`", norm, f"{epsilon:g}", *map(_cell, found)])
    for norm, epsilon in sorted({(row["norm"], row["epsilon"]) for row in record["worst_case"]}, key=_linf_first):
        worst = (_find(record["worst_case"], target=name, norm=norm, epsilon=epsilon) for name in targets)
        lines.append([f"**{WORST}**", norm, f"{epsilon:g}", *(f"**{_cell(row)}**" for row in worst)])
    lines.append([VERDICT, "", "", *(_verdict(record["audit"].get(name)) for name in targets)])
    return markdown_table(["attack", "norm", "ε", *targets], lines)


def write_page(page: Path, results: Path) -> None:
    """Puts the table of every published campaign that the page has marks for between them."""
    for file in sorted((results / FOLDER).glob("*.json")):
        begin, end = marks(file.stem)
        if begin in page.read_text():
            write_between(page, begin, end, table(results, file.stem))


def _find(rows: list[dict], **wanted: object) -> dict | None:
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def _linf_first(budget: tuple[str, float]) -> tuple[bool, str, float]:
    return budget[0] != LINF, *budget


def _cell(row: dict | None) -> str:
    return "-" if row is None else percent(row["accuracy"])


def _verdict(found: dict | None) -> str:
    return "-" if found is None else f"{found['verdict']}, {percent(found['worst_case'])}"
