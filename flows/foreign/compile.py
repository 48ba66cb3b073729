"""`holdfast compile MODEL.onnx`: a folder with the dataflow, its SystemVerilog and what was decided."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.compile.compiler import compile_model
from flows.compile.input_map import InputMap, guess, write_with_pixels
from flows.config import CompileConfig, override_section
from flows.errors import FlowError
from hw.boards import board
from hw.dataflow import Dataflow
from hw.top.stitch import write

DEFAULTS = CompileConfig(target_fps=1000, clock_mhz=25.0, fifo_depth=4)
RECORD = "compile.json"


def settings(
    clock_mhz: float | None, target_fps: int | None, board_name: str | None, changes: Sequence[str]
) -> CompileConfig:
    """The defaults, then the board's clock, then the options, then `compile.key=value` changes. Raises FlowError."""
    config = DEFAULTS
    if board_name is not None:
        config = dataclasses.replace(config, clock_mhz=board.load(board_name).oscillator_mhz)
    if clock_mhz is not None:
        config = dataclasses.replace(config, clock_mhz=clock_mhz)
    if target_fps is not None:
        config = dataclasses.replace(config, target_fps=target_fps)
    return override_section(config, "compile", changes)


def compile_foreign(
    model: Path,
    out: Path,
    config: CompileConfig,
    *,
    mapping: InputMap | None = None,
    board_name: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Dataflow:
    """Fills `out` whole or not at all: `model.onnx` (taking pixels), `dataflow.*`, `compile.json`, `rtl/`, `finn.onnx`.

    `mapping`: how pixels become the network's numbers, None to guess. Raises FlowError as the compiler does, and where
    `out` holds something else or the circuit is larger than the board.
    """
    if out.exists() and not (out / RECORD).is_file():
        raise FlowError(f"{out}: expected a new folder or an earlier result of this command; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    chosen = mapping or guess(model)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as work:
        folder = Path(work) / "whole"
        folder.mkdir()
        write_with_pixels(model, folder / "model.onnx", chosen)
        there = None if board_name is None else board.load(board_name)
        dataflow = compile_model(folder / "model.onnx", folder, config, board=there, progress=progress)
        write(dataflow, folder / "rtl")
        record = json.loads((folder / RECORD).read_text())
        record |= {"source": model.name, "source_sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
        record |= {"input": {"map": chosen.value, "guessed": mapping is None}}
        if board_name is not None:
            record["board"] = _fits(board_name, record["estimate"])
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        os.replace(folder, out)
    return dataflow


def _fits(name: str, estimate: dict[str, int]) -> str:
    there = board.load(name).available
    for what, needed in estimate.items():
        if needed > getattr(there, what):
            raise FlowError(
                f"board {name}: expected at most {getattr(there, what):,} {what}, the circuit is estimated to need "
                f"{needed:,}; lower --target-fps"
            )
    return name
