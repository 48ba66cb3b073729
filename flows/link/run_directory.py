"""What a board needs of a finished run: its circuit, its board, its images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.config import Config, load_toml
from flows.errors import FlowError
from flows.link.simulated import SimulatedBoard
from flows.simulate.board import LinkTiming
from hw.boards import board
from hw.dataflow import Dataflow

FOLDER = "board"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """`path`: a run directory. Raises FlowError where a stage's file is missing."""

    path: Path

    @property
    def config(self) -> Config:
        return load_toml(self.path / "config.toml")

    @property
    def dataflow(self) -> Dataflow:
        return Dataflow.load(self.file("compile", "dataflow.json").parent)

    def file(self, stage: str, name: str) -> Path:
        """A stage's file. Raises FlowError where it is not there."""
        path = self.path / stage / name
        if not path.is_file():
            raise FlowError(f"{path}: expected a run that has been through {stage}, found no such file; run it first")
        return path

    def simulate(self, *, timing: LinkTiming, noise: float, seed: int) -> SimulatedBoard:
        """The run's board with its circuit, simulated; the build is kept in the run directory."""
        config = self.config
        return SimulatedBoard(
            self.dataflow,
            board.load(config.board.name),
            self.path / FOLDER / "simulated",
            clock_mhz=config.compile.clock_mhz,
            timing=timing,
            noise=noise,
            seed=seed,
        )

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path for `board/<name>`, which it becomes when all went well."""
        final = self.path / FOLDER / name
        final.parent.mkdir(exist_ok=True)
        temporary = final.with_name(f".{name}.partial")
        yield temporary
        os.replace(temporary, final)
