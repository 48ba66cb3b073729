"""Our folding on FINN's nodes, and FINN's cycles beside ours."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.op import Op

KINDS = {
    "matvec": ("MVAU",),
    "threshold": ("Thresholding",),
    "pad": ("FMPadding",),
    "window": ("ConvolutionInputGenerator",),
    "maxpool": ("ConvolutionInputGenerator", "Pool"),
}
"""FINN's nodes for one operator of ours, in order."""
BESIDE = ("fifo", "width_converter", "argmax")
"""Operators that FINN inserts itself or leaves to the host."""
SAME_CYCLES = ("matvec", "threshold", "pad")
"""Kinds whose cycles a frame FINN counts as we do. Of a window FINN also counts the filling of its buffer, and a
max-pool is a depthwise window and a reduction there, so that each element passes twice."""


@dataclass(frozen=True)
class Layer:
    """One operator of ours and the FINN nodes that compute it."""

    op: Op
    nodes: tuple[NodeProto, ...]


def pair(model: ModelWrapper, dataflow: Dataflow) -> list[Layer]:
    """Raises FlowError where the two do not have the same layers in the same order."""
    nodes = list(model.graph.node)
    layers = []
    for op in dataflow.ops:
        if op.kind in BESIDE:
            continue
        if op.kind not in KINDS:
            raise FlowError(f"{op.name}: FINN's builds have no {op.kind}")
        taken = tuple(_take(nodes, op, start) for start in KINDS[op.kind])
        layers.append(Layer(op, taken))
    if nodes:
        raise FlowError(f"FINN's graph has {nodes[0].name} more than the circuit")
    return layers


def _take(nodes: list[NodeProto], op: Op, start: str) -> NodeProto:
    while nodes:
        node = nodes.pop(0)
        if node.op_type.startswith(start):
            return node
        if not node.op_type.startswith("Thresholding"):  # one that changes nothing may stand between
            raise FlowError(f"FINN's graph has {node.name} where the circuit has {op.name} ({op.kind})")
    raise FlowError(f"FINN's graph has no layer for {op.name} ({op.kind})")


def folding_config(layers: list[Layer]) -> dict[str, dict[str, object]]:
    """FINN's folding file: our PE and SIMD by the name of FINN's node."""
    config: dict[str, dict[str, object]] = {"Defaults": {}}
    for layer in layers:
        for node in layer.nodes:
            config[node.name] = _folding(layer.op, node)
    return config


def _folding(op: Op, node: NodeProto) -> dict[str, object]:
    parameters = op.module().parameters
    match op.kind:
        case "matvec":
            return {"PE": parameters["PE"], "SIMD": parameters["SIMD"], "mem_mode": "internal_decoupled"}
        case "threshold":
            return {"PE": parameters["PE"]}
        case "maxpool" if node.op_type.startswith("Pool"):
            return {"PE": op.input.parallel}
        case _:
            return {"SIMD": op.input.parallel}


def apply_folding(model: ModelWrapper, config: dict[str, dict[str, object]]) -> None:
    """Sets the attributes. Changes `model`."""
    for node in model.graph.node:
        for name, value in config.get(node.name, {}).items():
            getCustomOp(node).set_nodeattr(name, value)


def compare_cycles(layers: list[Layer]) -> list[dict[str, object]]:
    """Per operator: our cycles a frame and FINN's, the largest where several nodes work side by side.

    Raises FlowError where a kind that both count alike differs: then the two fold differently.
    """
    table = []
    for layer in layers:
        finn = {node.name: int(getCustomOp(node).get_exp_cycles()) for node in layer.nodes}
        ours, theirs = layer.op.cycles_per_frame, max(finn.values())
        if layer.op.kind in SAME_CYCLES and ours != theirs:
            raise FlowError(f"{layer.op.name}: {ours} cycles a frame here, {theirs} in FINN's {', '.join(finn)}")
        table.append(
            {"operator": layer.op.name, "kind": layer.op.kind, "cycles": ours, "finn": finn, "equal": ours == theirs}
        )
    return table
