"""A network's FINN build, up to the last step that needs no Vivado."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.amd import container_build
from flows.compile.amd.boards import AmdBoard
from flows.compile.amd.driver_check import check_driver
from flows.compile.amd.flow_config import FLOW, FOLDING, STEPS, write_flow
from flows.compile.amd.folding import apply_folding, compare_cycles, folding_config, pair
from flows.compile.amd.graph import MODEL, PARENT, FinnGraph, minimize_widths, specialized
from flows.compile.amd.interface import interface
from flows.compile.amd.reports import write_reports
from flows.compile.amd.sources import write_sources
from flows.compile.quiet import quiet
from flows.compile.read.network import PIXEL, read_network
from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.identity import identity

RECORD, INTERFACE, SCRIPT = "build.json", "interface.json", "build.py"
SOURCES, REPORTS = "sources", "reports"


@dataclass(frozen=True)
class Source:
    """`qonnx`: the exported graph; `dataflow`: what was compiled from it, whose folding FINN gets."""

    qonnx: Path
    dataflow: Dataflow


def make_build(source: Source, board: AmdBoard, folder: Path, progress: Callable[[str], None]) -> dict[str, object]:
    """Fills the empty `folder` (docs/amd.md has the list of files); returns what is in `build.json`.

    Raises FlowError where FINN has no hardware for a layer, folds otherwise than we do, or cannot generate it.
    """
    progress("FINN's graph, checked against the circuit")
    network = read_network(source.qonnx, PIXEL)
    try:
        with quiet():
            record = _fill(source, network, board, folder, progress)
    except Exception as error:  # finn raises bare Exceptions and assertions of its own
        kind = "" if isinstance(error, FlowError) else f"{type(error).__name__}: "
        why = " ".join(f"{kind}{error}".split())
        raise FlowError(
            f"FINN cannot build {source.qonnx.name} for {board.name}: {why}; use the open flow for this network"
        ) from error
    write_json(folder / RECORD, record)
    return record


def _fill(source: Source, network, board: AmdBoard, folder: Path, progress: Callable[[str], None]) -> dict[str, object]:
    graph = specialized(source.qonnx, network, folder, board.part)
    layers = pair(graph.model, source.dataflow)
    config = folding_config(layers)
    apply_folding(graph.model, config)
    write_json(folder / FOLDING, config)
    model = graph.model
    for step in minimize_widths():  # again: accumulators and thresholds depend on the folding
        model = model.transform(step)
    graph = FinnGraph(model, graph.plain, graph.matched)
    progress("cycles and resources")
    performance = write_reports(model, board, compare_cycles(pair(model, source.dataflow)), folder / REPORTS)
    shape = tuple(int(size) for size in network.input_shape)
    write_json(folder / INTERFACE, interface(graph, ModelWrapper(str(folder / PARENT)), source.dataflow, shape))
    progress("the driver's bytes through FINN's own execution")
    check_driver(graph.plain, folder / INTERFACE, source.dataflow)
    progress("Verilog of the RTL layers, C++ of the others")
    nodes = write_sources(model, folder / SOURCES, board.part, board.clock_ns)
    model.save(str(folder / MODEL))
    write_flow(board, folder)
    shutil.copyfile(container_build.__file__, folder / SCRIPT)
    return {
        "board": board.name,
        "part": board.part,
        "network": identity(source.dataflow),
        "finn": metadata.version("finn-plus"),
        "circuit_cycles": source.dataflow.cycles_per_frame_bound,
        "performance": performance,
        "nodes": nodes,
        "left": list(STEPS),
        "start": [SCRIPT, FLOW, MODEL],
    }


def write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
