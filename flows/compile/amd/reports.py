"""FINN's estimates as JSON files of ours."""

from __future__ import annotations

import json
import math
from pathlib import Path

from finn.analysis.fpgadataflow.dataflow_performance import dataflow_performance
from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
from finn.analysis.fpgadataflow.res_estimation import res_estimation
from finn.transformation.fpgadataflow.annotate_cycles import AnnotateCycles
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.amd.boards import AmdBoard

RESOURCES = ("LUT", "BRAM_18K", "URAM", "DSP")


def write_reports(model: ModelWrapper, board: AmdBoard, cycles: list[dict], folder: Path) -> dict[str, object]:
    """Writes `cycles.json` (per operator, beside ours), `resources.json` (per node and in total) and
    `performance.json`; returns the last with the total."""
    folder.mkdir()
    layers = model.analysis(exp_cycles_per_layer)
    used = {name: _kept(values) for name, values in model.analysis(_resources(board.part)).items()}
    total = {key: sum(values[key] for values in used.values()) for key in RESOURCES}
    whole = model.transform(AnnotateCycles()).analysis(dataflow_performance)
    frame = int(whole["max_cycles"])
    performance = {
        "clock_ns": board.clock_ns,
        "cycles_per_frame": frame,
        "limited_by": whole["max_cycles_node_name"],
        "frames_per_second": 1e9 / board.clock_ns / frame,
        "latency_cycles": int(whole["critical_path_cycles"]),
    }
    _write(folder / "cycles.json", {"operators": cycles, "nodes": {name: int(n) for name, n in layers.items()}})
    _write(folder / "resources.json", {"part": board.part, "nodes": used, "total": total})
    _write(folder / "performance.json", performance)
    return performance | {"resources": total}


def _resources(part: str):
    return lambda model: res_estimation(model, part)


def _kept(values: dict[str, float]) -> dict[str, int]:
    """FINN estimates fractions of a LUT here and there: rounded up."""
    return {key: math.ceil(values[key]) for key in RESOURCES}


def _write(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=1) + "\n")
