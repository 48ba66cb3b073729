"""What a board needs of a finished run or of a compiled QONNX file: circuit, board, images, ladder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.foreign.images import read_array
from flows.foreign.verify import climb_folder, read_labels
from flows.run.finished import opened
from flows.run.stage import Context
from flows.stages.files import read_arrays, read_json
from flows.verify.board_rung import BoardRung
from hw.boards import board, top
from hw.boards.board import Board
from hw.dataflow import Dataflow

FOLDER = "board"
BITSTREAM = "bitstream/bitstream.json"
FOUND = ("found_images", "found_of", "found_by")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Images:
    """A user's own .npy files: `pixels` uint8 (N, C, H, W), `labels` integers (N,). Raises FlowError for none there."""

    pixels: Path | None = None
    labels: Path | None = None

    def __post_init__(self) -> None:
        for path in (self.pixels, self.labels):
            if path is not None and not path.is_file():
                raise FlowError(f"{path}: expected a .npy file, found none")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit and its board. `path`: the folder that it stands in; what is made here goes to `path/board`.
    `board`: None where a compiled file names none."""

    path: Path
    dataflow: Dataflow
    board: Board | None
    clock_mhz: float

    @property
    def folder(self) -> Path:
        return self.path / FOLDER

    def chosen_board(self) -> Board:
        """Raises FlowError where there is none."""
        if self.board is None:
            raise FlowError(f"{self.path}: expected a board, got none; give --board NAME, one of {board.names()}")
        return self.board

    def build_id(self, simulated: bool) -> int | None:
        """What the right bitstream answers: of the one made in this folder, of the simulation, or unknown."""
        if simulated:
            return top.identity(self.dataflow, self.chosen_board(), clock_mhz=self.clock_mhz).build_id
        path = self.path / BITSTREAM
        return int(read_json(path)["build_id"], 16) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class FinishedRun(Compiled):
    """A run directory, locked while it is open."""

    context: Context

    def climb(self, rung: BoardRung, images: Images, sample: int | None, say: Say) -> dict[str, object]:
        """The ladder's record. Raises FlowError for `images` or a `sample`: the run has its own."""
        from flows.stages.verify import gather
        from flows.verify.ladder import verify

        if images != Images() or sample is not None:
            raise FlowError(f"{self.path}: expected no images and no sample, a run has its own; leave them out")
        evidence = gather(self.context.input)
        return verify(evidence, self.context.config.verify, self.folder / "hunt", say, rung)

    def examples(self, images: Images, epsilon: float | None) -> tuple[np.ndarray, np.ndarray, dict, float]:
        """Test images uint8 (N, C, H, W), their classes, what earlier attacks found, the budget in pixel units."""
        if images != Images():
            raise FlowError(f"{self.path}: expected no images, a run has its own; leave them out")
        x, y = read_arrays(self.context.input("data", "test.npz"), "x", "y")
        names = ("images", "labels", "originals", *FOUND)
        found = read_arrays(self.context.input("attack", "adversarial.npz"), *names)
        budget = self.context.config.attack.epsilon if epsilon is None else epsilon
        return x, y, dict(zip(names, found, strict=True)), budget


@dataclass(frozen=True, slots=True)
class CompiledModel(Compiled):
    """A folder that `holdfast compile MODEL.onnx` made."""

    def climb(self, rung: BoardRung, images: Images, sample: int | None, say: Say) -> dict[str, object]:
        """The ladder's record; on made images where there are none."""
        options = {} if sample is None else {"sample": sample}
        return climb_folder(self.path, images.pixels, images.labels, board=rung, progress=say, **options)

    def examples(self, images: Images, epsilon: float | None) -> tuple[np.ndarray, np.ndarray, dict, float]:
        """As of a run; nothing was found before. Raises FlowError where images, classes or the budget are missing."""
        if images.pixels is None or images.labels is None or epsilon is None:
            raise FlowError(f"{self.path}: expected --images, --labels and --epsilon, a compiled file has none")
        x = read_array(images.pixels, "images")
        y = read_labels(images.labels, len(x))
        nothing = (x[:0], np.zeros(0, np.int64), np.zeros(0, np.str_))
        found = {"images": x, "labels": y, "originals": x} | dict(zip(FOUND, nothing, strict=True))
        return x, y, found, epsilon


@contextmanager
def open_compiled(path: Path, board_name: str | None, *needed: str) -> Iterator[FinishedRun | CompiledModel]:
    """A run directory whose stages `needed` have finished, or a compiled folder. `board_name`: another board than the
    one that it is for. Raises FlowError for anything else, HardwareError for an unknown board."""
    if (path / "dataflow.json").is_file():
        record = read_json(path / "compile.json")
        name = board_name or record.get("board")
        chosen = board.load(name) if name else None
        yield CompiledModel(path, Dataflow.load(path), chosen, _clock(path, record))
        return
    with opened(path, *needed) as context:
        chosen = board.load(board_name or context.config.board.name)
        clock = context.config.compile.clock_mhz
        yield FinishedRun(path, Dataflow.load(path / "compile"), chosen, clock, context)


def _clock(path: Path, record: dict) -> float:
    clock = record.get("clock_mhz")
    if not isinstance(clock, int | float) or clock <= 0:
        raise FlowError(f"{path}/compile.json: expected clock_mhz above 0, got {json.dumps(clock)}; compile again")
    return float(clock)
