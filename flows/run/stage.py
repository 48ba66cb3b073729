"""What a stage declares about itself, and what it is given when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.config import Config
from flows.errors import FlowError

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Context:
    """A running stage's surroundings.

    `folder`: empty, to be filled; it gets the stage's name once the stage returns. `work`: the stage's own
    scratch folder, which survives a kill and is there again when the same stage runs again with the same inputs.
    `run`: the run directory. `progress(done, text)`: `done` from 0 to 1, `text` a few words. `inputs`: the folders
    of the stages that it named as inputs, already checked against the manifest.
    """

    config: Config
    folder: Path
    work: Path
    run: Path
    progress: Progress
    inputs: dict[str, Path]

    def input(self, stage: str, file: str) -> Path:
        """The path of an upstream file. Raises FlowError where the stage did not write it."""
        path = self.inputs[stage] / file
        if not path.is_file():
            raise FlowError(f"{path}: expected {stage} to have written it; run again with --from {stage}")
        return path


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run.

    `run`: fills `context.folder`. `inputs`: what it reads, whole stages (`train`) or single files of one
    (`export/model.onnx`). `sections`: the parts of the configuration
    that it depends on (`quant`, `seed`, `compile.clock_mhz`). `code`: files and folders of the packages, relative to
    their common folder, that decide what it writes. `tools`: distributions that do. `reads`: files of the user's that
    the configuration names and that do. `check`: raises FlowError
    before the run starts where something that it needs is missing. `beside`: files that it writes into the run
    directory itself instead of a folder of its own.
    """

    name: str
    run: Callable[[Context], None]
    inputs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    reads: Callable[[Config], tuple[Path, ...]] = lambda config: ()
    check: Callable[[Config], None] | None = None
    beside: tuple[str, ...] = ()

    @property
    def upstream(self) -> frozenset[str]:
        """Names of the stages that `inputs` speaks of."""
        return frozenset(name.partition("/")[0] for name in self.inputs)


def until(stages: tuple[Stage, ...], name: str) -> tuple[Stage, ...]:
    """The stages up to and with `name`, in order. Raises FlowError for an unknown name."""
    return stages[: _index(stages, name) + 1]


def needed_for(stages: tuple[Stage, ...], name: str) -> tuple[Stage, ...]:
    """`name` and the stages that it depends on, in order. Raises FlowError for an unknown name."""
    wanted = {name}
    for stage in reversed(until(stages, name)):
        if stage.name in wanted:
            wanted.update(stage.upstream)
    return tuple(stage for stage in stages if stage.name in wanted)


def after(stages: tuple[Stage, ...], name: str) -> frozenset[str]:
    """`name` and every stage that depends on it. Raises FlowError for an unknown name."""
    found = {stages[_index(stages, name)].name}
    for stage in stages:
        if found & stage.upstream:
            found.add(stage.name)
    return frozenset(found)


def _index(stages: tuple[Stage, ...], name: str) -> int:
    names = [stage.name for stage in stages]
    if name not in names:
        raise FlowError(f"unknown stage {name!r}; stages: {', '.join(names)}")
    return names.index(name)
