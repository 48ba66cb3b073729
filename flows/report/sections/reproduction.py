"""Section 8: what it takes to run this again: configuration, versions, seed, command, and what each stage wrote."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

from flows.errors import FlowError
from flows.report.record import Record, read_json

_REPORT = "report"  # its own digest cannot be in it


@dataclass(frozen=True, slots=True)
class StageRow:
    """`outputs`: file -> SHA-256. `older_than`: stages that have run again since, so that this one is out of date."""

    name: str
    seconds: float
    config: str
    code: str
    outputs: dict[str, str]
    older_than: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """`command`: runs this configuration. `config`: the text of `config.toml`, `seed`: as text; "" where there is
    none. `tools`: distribution -> version. `stages`: empty where there is no manifest."""

    name: str
    seed: str
    command: str
    config: str
    tools: dict[str, str]
    stages: tuple[StageRow, ...]

    @property
    def stale(self) -> tuple[StageRow, ...]:
        return tuple(stage for stage in self.stages if stage.older_than)


def view(folder: Path) -> Reproduction:
    """What `config.toml` and `manifest.json` say; either may be missing. Raises FlowError for a malformed one."""
    folder = Path(folder)
    config, text = _config(folder)
    name = config.get("name", folder.resolve().name)
    if not isinstance(name, str):
        raise FlowError(f"config.toml: expected name to be a text, got {name!r}; write it in quotes")
    records = _records(folder)
    seeds = sorted({record.integer("seed") for record in records.values()})
    seed = str(config["seed"]) if "seed" in config else ", ".join(map(str, seeds))
    tools = [_texts(record, "tools") for record in records.values()]
    merged = {tool: version for entry in tools for tool, version in entry.items()}
    stages = _stages(records)
    command = "holdfast run config.toml" if text else f"holdfast run {shlex.quote(name)}"
    return Reproduction(name, seed, command, text, dict(sorted(merged.items())), stages)


def _config(folder: Path) -> tuple[dict, str]:
    path = folder / "config.toml"
    if not path.exists():
        return {}, ""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except (OSError, ValueError, RecursionError) as error:
        raise FlowError(f"config.toml: expected a TOML file, got {error}; start the run again") from error


def _records(folder: Path) -> dict[str, Record]:
    """The manifest's records by stage, without the report's own."""
    if not (folder / "manifest.json").exists():
        return {}
    stages = read_json(folder, "manifest.json").child("stages")
    return {name: stages.child(name) for name in stages.value if name != _REPORT}


def _stages(records: dict[str, Record]) -> tuple[StageRow, ...]:
    outputs = {name: _texts(record, "outputs") for name, record in records.items()}
    written = {f"{stage}/{file}": digest for stage, files in outputs.items() for file, digest in files.items()}
    rows = []
    for name, record in records.items():
        read = _texts(record, "inputs")
        newer = {file.split("/")[0] for file, digest in read.items() if written.get(file) != digest}
        digests = (record.text("config"), record.text("code"))
        rows.append(StageRow(name, record.number("seconds"), *digests, outputs[name], tuple(sorted(newer))))
    return tuple(rows)


def _texts(record: Record, key: str) -> dict[str, str]:
    entries = record.child(key)
    return {name: entries.text(name) for name in entries.value}
