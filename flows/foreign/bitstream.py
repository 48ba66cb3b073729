"""`holdfast bitstream DIR`: the bitstream of a compiled QONNX file, with the tools' own figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from flows.errors import FlowError
from flows.foreign.compile import RECORD
from flows.synthesize.ecp5 import synthesize, write_record
from hw.boards import board
from hw.dataflow import Dataflow

FOLDER = "bitstream"


def bitstream_of(
    folder: Path,
    board_name: str | None = None,
    *,
    clock_mhz: float | None = None,
    seed: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, object]:
    """Fills `folder`/bitstream with `<board>.bit`, `bitstream.json`, `timing.json` and logs; returns that record.

    `board_name`, `clock_mhz`: what the folder was compiled for unless given. `seed`: of place and route. A killed call
    goes on where it stopped. Raises FlowError for a folder of another kind, where no board is known, and as
    `synthesize` does.
    """
    record = _record(folder)
    name = board_name or record.get("board")
    if name is None:
        raise FlowError(f"--board: expected one of {', '.join(board.names())}, as {folder} was compiled for none")
    clock = clock_mhz or record["clock_mhz"]
    made = synthesize(
        Dataflow.load(folder), board.load(name), folder / FOLDER, clock_mhz=clock, seed=seed, progress=progress
    )
    write_record(made, folder / FOLDER)
    return made


def bitstream_lines(record: dict) -> list[str]:
    """What a user wants to know of `bitstream.json`."""
    used = ", ".join(f"{record[name]:,} of {there:,} {name}" for name, there in record["available"].items())
    return [
        f"{record['device']}: {used}, {record['slices']:,} slices",
        f"clock {record['clock_mhz']:g} MHz, reached {record['fmax_mhz']:.2f} MHz",
    ]


def _record(folder: Path) -> dict:
    try:
        record = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise FlowError(f"{folder}: expected a folder that holdfast compile MODEL.onnx made, got {error}") from error
    if "clock_mhz" not in record:
        raise FlowError(f"{folder}/{RECORD}: expected clock_mhz, got none; compile again")
    return record
