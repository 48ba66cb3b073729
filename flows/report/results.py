"""`results/<name>.json`: what a finished run showed, kept in git; the README's table is made from these files alone."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from flows.audit import record as audit_record
from flows.errors import FlowError
from flows.report.markdown import markdown_table, write_between
from flows.report.summary import summarize, write_whole

BEGIN, END = "<!-- results: made by `holdfast publish`; do not edit -->", "<!-- end of results -->"


def publish(run: Path, results: Path) -> Path:
    """Writes `results/<name>.json` from a run directory that went to its end; returns the path.

    Keys: `name`, `config` (all of `config.toml` but local folders), `summary` (as `summary.json`), `versions` (of the
    tools, from the manifest), `seconds` (per stage), and `audit` where `holdfast audit` has judged this run.
    Raises FlowError where a part of the run is missing.
    """
    summary = summarize(run)
    missing = [part for part in ("accuracy", "exactness", "circuit", "hil") if part not in summary]
    if missing:
        raise FlowError(f"{run}: expected a finished run, got one without {', '.join(missing)}; run it to its end")
    config = tomllib.loads((run / "config.toml").read_text())
    config["data"].pop("directory", None)
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    versions: dict[str, str] = {}
    for stage in stages.values():
        versions |= stage["tools"]
    record = {
        "name": config["name"],
        "config": config,
        "summary": summary,
        **_audit_of(run),
        "versions": dict(sorted(versions.items())),
        "seconds": {name: stage["seconds"] for name, stage in stages.items()},
    }
    results.mkdir(parents=True, exist_ok=True)
    return write_whole(results / f"{config['name']}.json", json.dumps(record, indent=1, ensure_ascii=True) + "\n")


def table(results: Path) -> str:
    """Markdown of every `results/*.json` with a `summary`, one column a run."""
    runs = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    runs = [run for run in runs if isinstance(run, dict) and "summary" in run]
    if not runs:
        raise FlowError(
            f"{results}: expected results of at least one run, found none; holdfast publish RUN writes them"
        )
    seen = [run["summary"] | {"deeper": run.get("audit")} for run in runs]
    head = ["", *(f"`{run['name']}`" for run in runs)]
    return markdown_table(head, ([label, *map(cell, seen)] for label, cell in ROWS))


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def _known_share(value: float | None) -> str:
    return "-" if value is None else _share(value)


def _deeper(found: dict | None) -> str:
    return f"{found['verdict']}, {_share(found['worst_case'])}, {found['images']:,}" if found else "-"


def _audit_of(run: Path) -> dict[str, object]:
    """What `holdfast audit` said about the defended network of this very run; nothing where it has not been asked."""
    record = audit_record.read(run)
    if record is None or "defended" not in record["networks"]:
        return {}
    figures = audit_record.headline(record["networks"]["defended"])
    return {"audit": figures | {key: record[key] for key in ("images", "seed", "effort")}}


def _exact(summary: dict) -> str:
    seen = summary["exactness"]
    return f"{sum(seen['mismatches'].values())}; {seen['images']:,}, {seen['adversarial']:,} of them adversarial"


def _circuit(summary: dict) -> str:
    seen = summary["circuit"]
    return f"{seen['lut4']:,} LUT4, {seen['ff']:,} FF, {seen['ebr']} EBR, {seen['dsp']} DSP"


def _pace(summary: dict) -> str:
    seen = summary["circuit"]
    return f"{seen['cycles_per_frame']:,} ({seen['cycles_per_frame_bound']:,})"


ROWS = (
    ("clean, defended network", lambda s: _share(s["accuracy"]["clean"])),
    ("budget ε of the attacks", lambda s: f"{s['accuracy']['epsilon']:g}"),
    ("worst case, defended", lambda s: _share(s["accuracy"]["worst_case"])),
    ("worst case, quantized twin without defence", lambda s: _share(s["accuracy"]["quantized"]["worst_case"])),
    ("worst case, float twin without defence", lambda s: _share(s["accuracy"]["float"]["worst_case"])),
    ("the same, along its own gradient alone", lambda s: _known_share(s["audit"].get("own_gradient"))),
    (
        "audit: verdict, warnings, share of zero gradients",
        lambda s: (
            f"{s['audit'].get('verdict', '-')}, {s['audit']['warnings']}, {_share(s['audit']['zero_gradient_share'])}"
        ),
    ),
    ("`holdfast audit`: verdict, worst case, images", lambda s: _deeper(s["deeper"])),
    ("mismatches, all rungs; images of the rtl rung", _exact),
    ("cycles a frame (bound)", _pace),
    (
        "frames a second at the clock",
        lambda s: f"{s['circuit']['frames_per_second']:,.0f} at {s['circuit']['clock_mhz']:g} MHz",
    ),
    ("resources, LFE5U-85F", _circuit),
    ("Fmax after routing", lambda s: f"{s['circuit']['fmax_mhz']:.1f} MHz"),
    ("attack through the circuit: right, of images", lambda s: f"{_share(s['hil']['accuracy'])}, {s['hil']['images']}"),
)


def write_table(readme: Path, results: Path) -> None:
    """Puts `table(results)` between the two marks of a Markdown file. Raises FlowError where the marks are missing."""
    write_between(readme, BEGIN, END, table(results))
