"""`holdfast build-amd`: a run's FINN build, here as far as it goes without Vivado, and to the bitfile where it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from flows import environment
from flows.compile.amd.boards import AmdBoard, amd_board
from flows.compile.amd.build import INTERFACE, RECORD, SCRIPT, Source, make_build
from flows.compile.amd.driver_check import extreme_images
from flows.compile.amd.finish import finish
from flows.errors import FlowError
from flows.pynq.interface import read_interface
from flows.pynq.package import PACKAGE_FOLDER, make_package
from flows.run.finished import opened
from hw.dataflow import Dataflow
from hw.identity import identity

RANDOM_IMAGES = 64


def build_amd(run: Path, board_name: str, out: Path, bitfile: bool, progress: Callable[[str], None]) -> list[str]:
    """Makes the build in `out`, or goes on with the one of the same network and board that is there; lines to show.

    `bitfile`: fail at once where there is no Vivado. Raises FlowError.
    """
    board, vivado = amd_board(board_name), environment.vivado()
    if vivado is None and bitfile:
        raise FlowError("expected Vivado for a bitfile, found none; mount it and set XILINX_VIVADO (Dockerfile.finn)")
    with opened(run, "export", "compile") as context:
        source = Source(context.input("export", "model.onnx"), Dataflow.load(run / "compile"))
        record = _present(out, source.dataflow, board) or _make(source, board, out, progress)
    lines = _lines(record, board, out)
    if vivado is None:
        return [*lines, *_left(out)]
    progress("FINN and Vivado, to the bitfile")
    finish(out, vivado)
    return [*lines, f"bitfile: {out / PACKAGE_FOLDER / 'bitfile'}"]


def _present(out: Path, dataflow: Dataflow, board: AmdBoard) -> dict | None:
    """The record of the build that is there already. Raises FlowError where the folder holds anything else."""
    if not out.exists():
        return None
    try:
        record = json.loads((out / RECORD).read_text())
    except (OSError, ValueError):
        record = {}
    if (record.get("network"), record.get("board")) != (identity(dataflow), board.name):
        raise FlowError(f"{out}: expected a new folder, or a build of this run for {board.name}; name another --out")
    return record


def _make(source: Source, board: AmdBoard, out: Path, progress: Callable[[str], None]) -> dict:
    """Under a temporary name, so that what stands at `out` is whole."""
    fresh = out.with_name(f".{out.name}.new").absolute()
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    record = make_build(source, board, fresh, progress)
    interface = fresh / INTERFACE
    images = extreme_images(read_interface(interface), RANDOM_IMAGES)
    make_package(fresh / PACKAGE_FOLDER, interface, source.dataflow, images, board.name, board.shell)
    fresh.rename(out)
    return record


def _lines(record: dict, board: AmdBoard, out: Path) -> list[str]:
    speed = record["performance"]
    styles = [node["style"] for node in record["nodes"].values()]
    resources = ", ".join(f"{count} {name}" for name, count in speed["resources"].items())
    return [
        f"{board.name} ({board.part}) at {1e3 / board.clock_ns:g} MHz: {speed['cycles_per_frame']} cycles a frame "
        f"({record['circuit_cycles']} in the circuit), {speed['frames_per_second']:.0f} frames/s, limited by "
        f"{speed['limited_by']}",
        f"FINN's estimate: {resources}",
        f"ready in {out}: FINN's graph and our folding, estimates in reports/, {styles.count('rtl')} layers as "
        f"Verilog and {styles.count('hls')} as C++ in sources/, the board's package in {PACKAGE_FOLDER}/",
    ]


def _left(out: Path) -> list[str]:
    return [
        "not done, because there is no Vivado here: synthesis of the C++ layers, stitching, place and route, bitfile",
        f"to do where it is: XILINX_VIVADO=/tools/Xilinx/Vivado/2022.2 python {out / SCRIPT}, or this command in the "
        "image of Dockerfile.finn with Vivado mounted (docs/amd.md)",
    ]
