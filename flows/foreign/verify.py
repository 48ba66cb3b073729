"""`holdfast verify DIR`: the ladder of a compiled QONNX file, on the user's images or on our own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flows.config import VerifyConfig
from flows.errors import FlowError
from flows.foreign.images import made_images, read_array
from flows.simulate.build import build
from flows.simulate.simulator import Simulator
from flows.targets.layout import check_images, to_codes
from flows.verify.board_rung import BoardRung
from flows.verify.ladder import Evidence, verify
from hw.dataflow import Dataflow

SLOW = 50
"""Images of the rungs that run image by image in Python (qonnx, finn)."""
TIMED_FRAMES = 8


def verify_folder(
    folder: Path,
    images: Path | None = None,
    labels: Path | None = None,
    *,
    sample: int = SLOW,
    rtl: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, object]:
    """Runs the ladder and writes `verify.json`; returns that record, as `climb_folder` does."""
    found = climb_folder(folder, images, labels, sample=sample, rtl=rtl, progress=progress)
    partial = folder / ".verify.json"
    partial.write_text(json.dumps(found, indent=1) + "\n")
    os.replace(partial, folder / "verify.json")
    return found


def climb_folder(
    folder: Path,
    images: Path | None = None,
    labels: Path | None = None,
    *,
    sample: int = SLOW,
    rtl: int = 0,
    board: BoardRung | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, object]:
    """The ladder's record for a compiled folder. The circuit is built into `circuit/`.

    `images`: .npy of uint8 (N, C, H, W); `labels`: .npy of integers (N,). `sample`, `rtl`: how many images the slow
    executors and the circuit take, 0 for all. `board`: the rung above the simulated circuit, where there is a board.
    Raises FlowError for files of another form.
    """
    record = _record(folder)
    dataflow = Dataflow.load(folder)
    height, width, channels = _input_shape(folder)
    if images is None:  # mixed, so that a sample of the slow executors has some of every kind
        pictures = np.random.default_rng(1).permutation(made_images(dataflow, (height, width, channels)))
    else:
        pictures = read_array(images, "images")
    check_images(pictures, str(images or "images"))
    classes = None if labels is None else read_labels(labels, len(pictures))
    progress("Verilator and the C++ compiler")
    library = build(dataflow, folder / "circuit")
    finn = folder / "finn.onnx"
    evidence = Evidence(pictures, 0, None, folder / "model.onnx", finn, record, dataflow, library)
    config = VerifyConfig(qonnx=sample, finn=sample, golden=0, rtl=rtl, netlist=0, routed=0)
    found = verify(evidence, config, folder / "circuit", progress, board)
    found["images"] = {"source": images.name if images else "made", "count": len(pictures)}
    found["circuit"] = _timing(dataflow, library, pictures)
    if classes is not None:
        found["clean"] = _accuracy(dataflow, record, pictures, classes)
    return found


def mismatches(record: dict) -> list[str]:
    """Names of the rungs that gave other integers."""
    return [rung["rung"] for rung in record["rungs"] if rung["mismatches"]]


def _record(folder: Path) -> dict:
    try:
        record = json.loads((folder / "compile.json").read_text())
    except (OSError, ValueError) as error:
        raise FlowError(f"{folder}: expected a folder that holdfast compile MODEL.onnx made, got {error}") from error
    missing = [
        key for key in ("activations", "finn", "finn_reason", "logit_scale", "logit_offset") if key not in record
    ]
    if not missing and record["finn"] is not None and "affine" not in record["finn"]:
        missing = ["finn.affine"]
    if missing:
        raise FlowError(f"{folder}/compile.json: expected {', '.join(missing)}, got none; compile again")
    return record


def _input_shape(folder: Path) -> tuple[int, int, int]:
    from flows.compile.read.network import read_network

    return read_network(folder / "model.onnx").input_shape


def read_labels(path: Path, count: int) -> np.ndarray:
    """Classes (N,) of a .npy file. Raises FlowError unless they are `count` integers."""
    labels = read_array(path, "labels")
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise FlowError(f"{path}: expected integer labels ({count},), one per image, got {labels.dtype} {labels.shape}")
    return labels


def _timing(dataflow: Dataflow, library: Path, pictures: np.ndarray) -> dict[str, int]:
    codes = to_codes(np.resize(pictures, (TIMED_FRAMES, *pictures.shape[1:])), dataflow.input.shape, "verify")
    with Simulator(dataflow, library) as simulator:
        result = simulator.run(codes)
    return {
        "cycles_per_frame": int(np.diff(result.frame_cycles)[TIMED_FRAMES // 2 :].max()),
        "cycles_per_frame_bound": dataflow.cycles_per_frame_bound,
        "latency_cycles": result.latency,
    }


def _accuracy(dataflow: Dataflow, record: dict, pictures: np.ndarray, labels: np.ndarray) -> dict[str, object]:
    """Of the golden model; the host's scale and offset come first where the integers do not order the classes."""
    from flows.targets.onnx_target import OnnxTarget

    target = OnnxTarget(dataflow)
    scores = target.predict(pictures)
    if not record["scores_order_classes"]:
        scores = scores * np.asarray(record["logit_scale"]) + np.asarray(record["logit_offset"])
    right = scores.argmax(axis=1) == labels
    return {"engine": target.name, "images": len(labels), "accuracy": float(right.mean())}
