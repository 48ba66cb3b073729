"""Runs stages in a run directory: what did not change is not run again, what was killed goes on."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import time
from pathlib import Path
from typing import Protocol

from flows.config import Config, dump_toml, to_record
from flows.errors import FlowError
from flows.run import digest, manifest
from flows.run.lock import locked
from flows.run.manifest import Record
from flows.run.stage import Context, Stage

#: Files that merely say where the data lie; what the data are is in the data stage's outputs.
_NOT_HASHED = {"data": ("directory",)}


class Display(Protocol):
    """Shows a run. `started` and one of `finished` frame every stage that runs; `unchanged` the others."""

    def started(self, stage: str, why: str) -> None: ...

    def progress(self, done: float, text: str) -> None: ...

    def finished(self, stage: str, seconds: float | None) -> None:
        """`seconds`: None where the stage failed."""

    def unchanged(self, stage: str) -> None: ...


def execute(
    stages: tuple[Stage, ...], config: Config, run: Path, display: Display, again: frozenset[str] = frozenset()
) -> dict[str, Record]:
    """Runs `stages` (in order, each after its inputs) in the directory `run`; returns their records.

    `again`: names of stages that run even though nothing changed. Raises FlowError where the directory is in use,
    a file there is not the one that a stage wrote, or the disk is full; a stage's own errors pass through. A stage
    that fails leaves the previous output in place and no half one.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        with locked(run):
            return _execute(stages, config, run, display, again)
    except OSError as error:
        raise _explained(error, run) from error


def _execute(
    stages: tuple[Stage, ...], config: Config, run: Path, display: Display, again: frozenset[str]
) -> dict[str, Record]:
    records = manifest.read(run)
    for leftover in run.glob(".*.partial"):
        shutil.rmtree(leftover)
    for stage in stages:
        if stage.check is not None:
            stage.check(config)
    manifest.write_text(run / "config.toml", dump_toml(config))
    for stage in stages:
        wanted = _wanted(stage, config, records)
        why = _why(stage, run, records.get(stage.name), wanted, stage.name in again)
        if not why:
            display.unchanged(stage.name)
            continue
        display.started(stage.name, why)
        seconds = None
        try:
            records[stage.name] = _run(stage, config, run, display, wanted, records)
            seconds = records[stage.name].seconds
        finally:
            display.finished(stage.name, seconds)
    return {stage.name: records[stage.name] for stage in stages}


def _wanted(stage: Stage, config: Config, records: dict[str, Record]) -> Record:
    """The record that the stage would have if it ran now, without outputs."""
    inputs = {}
    for item in stage.inputs:
        name, _, only = item.partition("/")
        inputs |= {f"{name}/{file}": sha for file, sha in records[name].outputs.items() if only in ("", file)}
    settings = {section: _setting(config, section) for section in stage.sections}
    code = digest.of_code(stage.code) if stage.code else ""
    return Record(digest.of_value(settings), code, inputs, digest.versions(stage.tools), {}, config.seed, 0.0)


def _setting(config: Config, section: str) -> object:
    value: object = config
    for name in section.split("."):
        value = getattr(value, name)
    if not dataclasses.is_dataclass(value):
        return value
    return {key: item for key, item in to_record(value).items() if key not in _NOT_HASHED.get(section, ())}


def _why(stage: Stage, run: Path, record: Record | None, wanted: Record, again: bool) -> str:
    """Why the stage has to run, in words; empty where it does not."""
    if record is None:
        return "first time"
    if again:
        return "asked for"
    if changed := wanted.changed(record):
        return f"changed: {changed}"
    return "" if manifest.complete(run, stage.name, record) else "output missing"


def _run(
    stage: Stage, config: Config, run: Path, display: Display, wanted: Record, records: dict[str, Record]
) -> Record:
    partial, work = run / f".{stage.name}.partial", run / ".work" / f"{stage.name}-{wanted.key[:16]}"
    for stale in work.parent.glob(f"{stage.name}-*"):
        if stale != work:
            shutil.rmtree(stale)
    work.mkdir(parents=True, exist_ok=True)
    partial.mkdir()
    start = time.monotonic()
    inputs = {name: run / name for name in stage.upstream}
    try:
        stage.run(Context(config, partial, work, run, display.progress, inputs))
        outputs = manifest.outputs(run, stage, partial)
        record = dataclasses.replace(wanted, outputs=outputs, seconds=round(time.monotonic() - start, 3))
        if not stage.beside:
            _replace(partial, run, stage.name, records)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    manifest.write(run, records | {stage.name: record})
    shutil.rmtree(work)
    return record


def _replace(partial: Path, run: Path, name: str, records: dict[str, Record]) -> None:
    """Gives the stage's folder its name. Its old record goes first: killed in between, the stage just runs again."""
    if records.pop(name, None) is not None:
        manifest.write(run, records)
    folder = run / name
    if folder.exists():
        os.replace(folder, run / f".{name}.old.partial")
    os.replace(partial, folder)
    shutil.rmtree(run / f".{name}.old.partial", ignore_errors=True)


def _explained(error: OSError, run: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(run).free >> 20 if run.exists() else 0
        return FlowError(
            f"{error.filename or run}: the disk is full ({free} MiB free); free some space and give the same "
            "command again, it goes on where it stopped"
        )
    if not run.is_dir() or str(error.filename or "").startswith(str(run)):
        where = error.filename or run
        return FlowError(f"{where}: expected to be able to write here, got: {error.strerror}; choose another --out")
    return error
