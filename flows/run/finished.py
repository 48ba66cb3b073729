"""A run directory as a later command finds it: its configuration and the folders of stages that are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.config import load_toml
from flows.errors import FlowError
from flows.run import manifest
from flows.run.lock import locked
from flows.run.stage import Context


@contextmanager
def opened(run: Path, *needed: str) -> Iterator[Context]:
    """Locks the run; its context, whose inputs are the folders of the stages `needed`.

    Raises FlowError for no run, a stage that has not finished, or a file that is not what its stage wrote.
    """
    if not run.is_dir():
        raise FlowError(f"{run}: expected a run directory, got none; start with holdfast run")
    with locked(run):
        records = manifest.read(run)
        for stage in needed:
            if stage not in records or not manifest.complete(run, stage, records[stage]):
                raise FlowError(
                    f"{run}: expected a run with a finished {stage} stage; run holdfast run --until {needed[-1]} first"
                )
        folders = {stage: run / stage for stage in needed}
        yield Context(load_toml(run / "config.toml"), run, run, run, lambda done, text: None, folders)
