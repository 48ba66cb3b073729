"""`manifest.json`: what every finished stage read and wrote, by SHA-256."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.errors import FlowError
from flows.run import digest
from flows.run.stage import Stage

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One finished stage.

    `config`, `code`: SHA-256 of the parts of the configuration and of the source that it depends on. `inputs`:
    `stage/file` -> SHA-256. `tools`: distribution -> version. `outputs`: file, relative to the stage's folder ->
    SHA-256. `seed`: of the run. `seconds`: how long the stage took.
    """

    config: str
    code: str
    inputs: dict[str, str]
    tools: dict[str, str]
    outputs: dict[str, str]
    seed: int
    seconds: float

    @property
    def key(self) -> str:
        """SHA-256 of everything that decides the outputs."""
        return digest.of_value([self.config, self.code, self.inputs, self.tools])

    def changed(self, other: Record) -> str:
        """What decides the outputs and differs from `other`, in words; empty where nothing does."""
        words = {"config": "its configuration", "code": "its code", "inputs": "its inputs", "tools": "its tools"}
        return ", ".join(word for name, word in words.items() if getattr(self, name) != getattr(other, name))


def read(run: Path) -> dict[str, Record]:
    """The records of a run directory by stage; none where there is no manifest yet. Raises FlowError."""
    path = run / NAME
    try:
        manifest = json.loads(path.read_text())
        if manifest["format"] != FORMAT:
            raise FlowError(f"{path}: expected format {FORMAT}, got {manifest['format']}; delete {run} to start anew")
        return {stage: _record(record) for stage, record in manifest["stages"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FlowError(f"{path}: expected a manifest, got {error!r}; delete it to run every stage again") from error


def _record(values: dict[str, object]) -> Record:
    for name in ("inputs", "tools", "outputs"):
        if not isinstance(values[name], dict) or not all(isinstance(item, str) for item in values[name].values()):
            raise TypeError(f"{name}: {values[name]!r}")
    for name in values["outputs"]:
        if not str(PurePosixPath(name)) == name or name.startswith("/") or ".." in PurePosixPath(name).parts[1:]:
            raise ValueError(f"output {name!r}")
    return Record(**values)


def write(run: Path, records: dict[str, Record], command: str) -> None:
    """Replaces the manifest in one step, so that a kill leaves the old or the new one. `command`: repeats the run."""
    stages = {stage: dataclasses.asdict(record) for stage, record in records.items()}
    manifest = {"format": FORMAT, "command": command, "stages": stages}
    write_text(run / NAME, json.dumps(manifest, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replaces a file in one step."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def outputs(run: Path, stage: Stage, folder: Path) -> dict[str, str]:
    """SHA-256 of everything that `stage` wrote: into `folder`, or beside it into `run`. Raises FlowError."""
    if stage.beside:
        return {f"../{name}": digest.of_file(run / name) for name in stage.beside}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise FlowError(f"{stage.name}: expected it to write files, it wrote none")
    return {path.relative_to(folder).as_posix(): digest.of_file(path) for path in files}


def complete(run: Path, stage: str, record: Record) -> bool:
    """Whether every output is there, as it was written. False where one is gone.

    Raises FlowError where one is another than the stage wrote.
    """
    folder = run / stage
    paths = {name: run / name[3:] if name.startswith("../") else folder / name for name in record.outputs}
    if not all(path.is_file() for path in paths.values()):
        return False
    for name, path in paths.items():
        got = digest.of_file(path)
        if got != record.outputs[name]:
            raise FlowError(
                f"{path}: expected sha256 {record.outputs[name]}, got {got}: it is not what the stage wrote; "
                f"run again with --from {stage}, or delete {folder if not name.startswith('../') else path}"
            )
    return True
