"""QONNX file -> folded `hw.Dataflow`: the steps in order, and the record of what they decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.fold import fold, target_cycles
from flows.compile.layers import Layer, read_layers
from flows.compile.lower import Lowered, lower
from flows.compile.plan import MatVecPlan
from flows.compile.prepare import prepare
from flows.compile.quiet import quiet
from flows.compile.streamline import streamline
from flows.compile.to_hardware import to_hardware
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType

INPUT = IntType(8, False)


def compile_model(
    path: Path,
    folder: Path,
    config: CompileConfig,
    *,
    name: str = "network",
    progress: Callable[[str], None] = lambda text: None,
) -> Dataflow:
    """Compiles a QONNX file of uint8 images (1, C, H, W) and writes `dataflow.*`, `finn.onnx`, `compile.json`.

    Raises FlowError naming the node, the reason and the remedy where a layer has no hardware.
    """
    shape = input_shape(path)
    progress("reading the exported layers")
    layers = read_layers(path, INPUT)
    progress("streamlining with finn")
    with quiet():
        model = _by_finn(path)
    progress("exact thresholds by bisection")
    lowered = lower(model, layers, shape)
    cycles = target_cycles(config.target_fps, config.clock_mhz)
    try:
        dataflow, folding = fold(name, lowered.plans, cycles, config.fifo_depth)
    except HardwareError as error:
        raise FlowError(f"{path}: the network has no circuit: {error}") from error
    model.save(str(folder / "finn.onnx"))
    dataflow.save(folder)
    record = _record(path, layers, lowered, cycles, config)
    record["folding"] = {key: {"PE": f.pe, "SIMD": f.simd, "cycles": f.cycles} for key, f in folding.items()}
    record["cycles_per_frame_bound"] = dataflow.cycles_per_frame_bound
    slowest = max(dataflow.ops, key=lambda op: op.cycles_per_frame)
    record["limited_by"] = slowest.name
    record["target_met"] = dataflow.cycles_per_frame_bound <= cycles
    (folder / "compile.json").write_text(json.dumps(record, indent=1) + "\n")
    return dataflow


def _by_finn(path: Path) -> ModelWrapper:
    try:
        return to_hardware(streamline(prepare(path, INPUT)))
    except Exception as error:  # finn raises bare Exceptions and assertions of its own
        reason = f"{type(error).__name__}: {error}"
        raise FlowError(
            f"{path}: finn cannot turn this network into hardware layers: {reason}; "
            "compare it with what docs/architecture.md says of an exported network"
        ) from error


def input_shape(path: Path) -> tuple[int, int, int]:
    """(H, W, C) of the network's input. Raises FlowError for a file that is not ONNX or no image network."""
    try:
        graph = onnx.load(path).graph
        dims = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    except (OSError, IndexError, ValueError, onnx.onnx_cpp2py_export.checker.ValidationError) as error:
        raise FlowError(f"{path}: expected a QONNX file, got {error}") from error
    except Exception as error:  # protobuf raises a class of its own, private to its back end
        if type(error).__name__ != "DecodeError":
            raise
        raise FlowError(f"{path}: expected a QONNX file, got bytes that are no ONNX model") from error
    if len(dims) != 4:
        raise FlowError(f"{path}: expected an input (1, C, H, W), got {dims}")
    return dims[2], dims[3], dims[1]


def _record(path: Path, layers: list[Layer], lowered: Lowered, cycles: int, config: CompileConfig) -> dict[str, object]:
    units = [plan.name for plan in lowered.plans if isinstance(plan, MatVecPlan)]
    return {
        "source": path.name,
        "target_cycles": cycles,
        "clock_mhz": config.clock_mhz,
        "logit_scale": float(lowered.logit_scale),
        "thresholds_finn_moved": lowered.moved,
        "finn_tensors": lowered.tensors,
        "activations": {
            f"act_{unit}": {
                "tensor": layer.tensor,
                "step": float(layer.after.step),
                "lowest": float(layer.after.lowest),
                "signs": lowered.signs[f"act_{unit}"],
            }
            for unit, layer in zip(units, layers, strict=True)
            if layer.after is not None
        },
    }
