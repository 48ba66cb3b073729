"""`holdfast fold`: folds a QONNX file or a preset's exported network, and writes a folding file as FINN's."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.compile.folding.file import our_entries
from flows.compile.folding.fold import Folded, fold
from flows.compile.input_map import InputMap, guess, write_with_pixels
from flows.compile.lower import lower
from flows.compile.network import Network
from flows.compile.read.network import PIXEL, read_network
from flows.config import CompileConfig, load_preset, load_toml
from flows.errors import FlowError
from flows.foreign.compile import DEFAULTS
from flows.run.finished import opened
from hw.boards import board as boards
from hw.boards.board import Board
from hw.stream import Stream

DEFAULT_BOARD = "ulx3s_85f"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; None for the board's or preset's own. Without `target_fps`: as fast as fits."""

    board: str | None
    clock_mhz: float | None
    target_fps: int | None
    utilization: float | None

    def settings(self, config: CompileConfig) -> CompileConfig:
        """`config` with the wishes, and no folding file."""
        changes = {"clock_mhz": self.clock_mhz, "target_fps": self.target_fps, "max_utilization": self.utilization}
        given = {key: value for key, value in changes.items() if value is not None}
        return dataclasses.replace(config, fill_board=self.target_fps is None, folding_config_file="", **given)


@dataclass(frozen=True)
class Result:
    """`notes`: what the user should know besides what the folding report says."""

    folded: Folded
    clock_mhz: float
    notes: tuple[str, ...]


def fold_model(
    model: Path, wish: Wish, out: Path | None, mapping: InputMap | None, progress: Callable[[str], None]
) -> Result:
    """Of a QONNX file; `mapping`: how pixels become its numbers, None to guess. Raises FlowError as compiling does."""
    board = boards.load(wish.board or DEFAULT_BOARD)
    config = wish.settings(dataclasses.replace(DEFAULTS, clock_mhz=board.oscillator_mhz))
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        with_pixels = Path(name) / model.name
        write_with_pixels(model, with_pixels, mapping or guess(model))
        return fold_exported(with_pixels, config, board, out, progress)


def fold_preset(preset: str, run: Path | None, wish: Wish, out: Path | None, progress: Callable[[str], None]) -> Result:
    """Of a preset whose run has an exported network. Raises FlowError where there is none."""
    own = load_toml(Path(preset)) if preset.endswith(".toml") else load_preset(preset)
    with opened(run or Path("runs") / own.name, "export") as context:
        board = boards.load(wish.board or own.board.name)
        return fold_exported(context.input("export", "model.onnx"), wish.settings(own.compile), board, out, progress)


def fold_exported(
    model: Path,
    config: CompileConfig,
    board: Board,
    out: Path | None,
    progress: Callable[[str], None] = lambda text: None,
) -> Result:
    """Of a QONNX file that takes pixels."""
    progress("reading the graph")
    network = read_network(model, PIXEL)
    plans = lower(network).plans
    progress(f"searching the foldings for {board.name}")
    source = Stream(network.input_shape, network.input_type, 1)
    folded = fold(model.stem, plans, source, config, labels=network.scores.ordered, board=board)
    notes: tuple[str, ...] = ()
    if out is not None:
        progress("FINN's names of the layers")
        entries, notes = _entries(model, network, folded)
        _write(out, entries)
    return Result(folded, config.clock_mhz, notes)


def _entries(model: Path, network: Network, folded: Folded) -> tuple[dict[str, dict[str, object]], tuple[str, ...]]:
    """By FINN's names, or, with a note, by ours."""
    from flows.compile.folding.finn_names import finn_entries

    try:
        return finn_entries(model, network, folded.dataflow, folded.foldings), ()
    except FlowError as error:
        return our_entries(folded.foldings), (
            f"the file has our names, because FINN has no graph of this network: {error}",
        )


def _write(path: Path, entries: dict[str, dict[str, object]]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(entries, indent=1) + "\n")
    os.replace(partial, path)
