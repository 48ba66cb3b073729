"""What is known of each network, from the folders that compile, verify and bitstream left."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.networks.entries import Entry
from benchmarks.networks.fit import Unfolded, estimated
from flows.foreign.bitstream import FOLDER
from hw.boards import board

PLACED = (
    *("board", "device", "lut4", "ff", "ebr", "dsp", "slices", "available", "clock_mhz", "fmax_mhz", "idcode"),
    *("bytes", "seconds"),
)


def ladder(folder: Path) -> dict[str, object] | None:
    """Rungs and cycles of `verify.json`, None where it was not verified."""
    path = folder / "verify.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text())
    rungs = [
        {key: rung[key] for key in ("rung", "images", "mismatches", "excused_images")}
        | ({"unavailable": rung["unavailable"]} if "unavailable" in rung else {})
        for rung in found["rungs"]
    ]
    return {"rungs": rungs, "images": found["images"], "clean": found.get("clean"), **found["circuit"]}


def placed(folder: Path, compiled: dict) -> dict[str, object] | None:
    """Of `bitstream.json`, with the frame rate at its clock; None where it was not placed."""
    path = folder / FOLDER / "bitstream.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text())
    rate = found["clock_mhz"] * 1e6 / compiled["cycles_per_frame_bound"]
    return {key: found[key] for key in PLACED} | {"frames_per_second": round(rate, 1)}


def network_record(entry: Entry, folder: Path) -> dict[str, object]:
    """One network's part of `networks.json`. `folder`: of `holdfast compile`."""
    compiled = json.loads((folder / "compile.json").read_text())
    network = Unfolded.read(folder / "model.onnx")
    return {
        "name": entry.name,
        "title": entry.title,
        "weights_from": entry.weights,
        "sha256": compiled["source_sha256"],
        "weights": network.weights,
        "multiplications": network.multiplications,
        "circuit": {
            "cycles_per_frame_bound": compiled["cycles_per_frame_bound"],
            "limited_by": compiled["limited_by"],
            "estimate": compiled["estimate"],
        },
        "ladder": ladder(folder),
        "placed": placed(folder, compiled),
        "boards": [estimated(network, board.load(name)) for name in board.names()],
    }
