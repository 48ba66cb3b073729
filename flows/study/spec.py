"""What a study runs: a frozen description, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.config import read_toml
from flows.errors import FlowError
from flows.stages import STAGES

NEEDED = "attack"  # the first stage after which there are figures


@dataclass(frozen=True, slots=True)
class StudyRun:
    """`name`: of the run and of its rows. `preset`: a preset's name or a file.toml. `set`: as `--set`. `until`: the
    last stage, attack or later. `audit`: networks for `holdfast audit`. `certify`: whether `holdfast certify` proves
    what it can at the run's `attack.epsilon`, for all test images. `ensemble`: whether `holdfast ensemble` measures
    it."""

    name: str
    preset: str
    set: tuple[str, ...] = ()
    until: str = NEEDED
    audit: tuple[str, ...] = ()
    certify: bool = False
    ensemble: bool = False

    def __post_init__(self) -> None:
        names = [stage.name for stage in STAGES]
        late = names[names.index(NEEDED) :]
        if self.until not in late:
            raise FlowError(f"until of {self.name}: expected one of {', '.join(late)}, got {self.until!r}")
        if self.certify and names.index(self.until) < names.index("compile"):
            raise FlowError(f"certify of {self.name}: expected until = 'compile' or later, got {self.until!r}")

    def settings(self) -> list[str]:
        """Everything that makes the preset this run."""
        return [*self.set, f'name="{self.name}"']


@dataclass(frozen=True, slots=True)
class Study:
    """`runs`: in the order in which they are made."""

    name: str
    runs: tuple[StudyRun, ...]

    def __post_init__(self) -> None:
        names = [run.name for run in self.runs]
        if not names or len(set(names)) < len(names):
            raise FlowError(f"runs: expected one or more with different names, got {', '.join(names) or 'none'}")

    def only(self, names: list[str]) -> Study:
        """The study of some of its runs. Raises FlowError for a name that it has not."""
        known = [run.name for run in self.runs]
        if unknown := [name for name in names if name not in known]:
            raise FlowError(f"--only: expected one of {', '.join(known)}, got {unknown[0]!r}")
        return Study(self.name, tuple(run for run in self.runs if run.name in names)) if names else self


def load_study(path: Path) -> Study:
    """Reads a study. Raises FlowError for a missing file, bad TOML or what a study may not be."""
    return read_toml(path, Study)
