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
    stages: tuple[Stage, ...],
    config: Config,
    run: Path,
    display: Display,
    again: frozenset[str] = frozenset(),
    command: str = "",
) -> dict[str, Record]:
    """Runs `stages` (in order, each after its inputs) in the directory `run`; returns their records.

    `again`: names of stages that run even though nothing changed. `command`: noted in the manifest as what repeats
    the run. Raises FlowError where the directory is in use, a file there is not the one that a stage wrote, or the
    disk is full; a stage's own errors pass through. A stage that fails leaves the previous output in place and no
    half one.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        with locked(run):
            return _Run(config, run, display, command).execute(stages, again)
    except OSError as error:
        raise _explained(error, run) from error


class _Run:
    def __init__(self, config: Config, run: Path, display: Display, command: str) -> None:
        self.config, self.run, self.display, self.command = config, run, display, command
        self.records = manifest.read(run)

    def execute(self, stages: tuple[Stage, ...], again: frozenset[str]) -> dict[str, Record]:
        for leftover in self.run.glob(".*.partial"):
            shutil.rmtree(leftover)
        for stage in stages:
            if stage.check is not None:
                stage.check(self.config)
        manifest.write_text(self.run / "config.toml", dump_toml(self.config))
        self._write_manifest()
        for stage in stages:
            wanted = _wanted(stage, self.config, self.records)
            why = _why(stage, self.run, self.records.get(stage.name), wanted, stage.name in again)
            if not why:
                self.display.unchanged(stage.name)
                continue
            self.display.started(stage.name, why)
            seconds = None
            try:
                self.records[stage.name] = record = self._run_stage(stage, wanted)
                seconds = record.seconds
            finally:
                self.display.finished(stage.name, seconds)
            self._write_manifest()
        return {stage.name: self.records[stage.name] for stage in stages}

    def _write_manifest(self) -> None:
        manifest.write(self.run, self.records, self.command)

    def _run_stage(self, stage: Stage, wanted: Record) -> Record:
        partial, work = self.run / f".{stage.name}.partial", self.run / ".work" / f"{stage.name}-{wanted.key[:16]}"
        for stale in work.parent.glob(f"{stage.name}-*"):
            if stale != work:
                shutil.rmtree(stale)
        work.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        start = time.monotonic()
        inputs = {name: self.run / name for name in stage.upstream}
        try:
            stage.run(Context(self.config, partial, work, self.run, self.display.progress, inputs))
            outputs = manifest.outputs(self.run, stage, partial)
            if not stage.beside:
                self._replace(partial, stage.name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(work)
        return dataclasses.replace(wanted, outputs=outputs, seconds=round(time.monotonic() - start, 3))

    def _replace(self, partial: Path, name: str) -> None:
        """Gives the stage's folder its name. Its old record goes first: killed in between, the stage runs again."""
        if self.records.pop(name, None) is not None:
            self._write_manifest()
        folder, old = self.run / name, self.run / f".{name}.old.partial"
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
        shutil.rmtree(old, ignore_errors=True)


def _wanted(stage: Stage, config: Config, records: dict[str, Record]) -> Record:
    """The record that the stage would have if it ran now, without outputs."""
    inputs = {}
    for item in stage.inputs:
        name, _, only = item.partition("/")
        inputs |= {f"{name}/{file}": sha for file, sha in records[name].outputs.items() if only in ("", file)}
    settings = {section: _setting(config, section) for section in stage.sections}
    settings |= {str(path): digest.of_file(path) for path in stage.reads(config)}
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


def _explained(error: OSError, run: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(run).free >> 20 if os.path.isdir(run) else 0
        return FlowError(
            f"{error.filename or run}: the disk is full ({free} MiB free); free some space and give the same "
            "command again, it goes on where it stopped"
        )
    if not os.path.isdir(run) or str(error.filename or "").startswith(str(run)):
        where = error.filename or run
        return FlowError(f"{where}: expected to be able to write here, got: {error.strerror}; choose another --out")
    return error
