"""FINN's specialized graph of a network: one node a layer, each with its RTL or HLS implementation for a part."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from finn.transformation.fpgadataflow.create_dataflow_partition import CreateDataflowPartition
from finn.transformation.fpgadataflow.minimize_accumulator_width import MinimizeAccumulatorWidth
from finn.transformation.fpgadataflow.minimize_weight_bit_width import MinimizeWeightBitWidth
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.transformation.move_reshape import RemoveCNVtoFCFlatten
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes

from flows.compile.finn_match import Matched, match
from flows.compile.network import Network
from flows.compile.prepare import prepare
from flows.compile.streamline import streamline
from flows.compile.to_hardware import to_hardware
from flows.errors import FlowError

PARENT, MODEL = "parent.onnx", "model.onnx"


@dataclass(frozen=True)
class FinnGraph:
    """`model`: the accelerator's nodes, specialized; `plain`: the same before that, which Python executes; `matched`:
    how its values relate to ours."""

    model: ModelWrapper
    plain: ModelWrapper
    matched: Matched


def specialized(source: Path, network: Network, folder: Path, part: str) -> FinnGraph:
    """Writes `parent.onnx` (the accelerator as one node, with what the host computes around it) and `model.onnx`.

    Widths are minimized first: specialization chooses RTL by them. Raises FlowError where a layer has no hardware.
    """
    model = to_hardware(streamline(prepare(source, network.input_type)))
    matched = match(model, network)
    for step in (RemoveCNVtoFCFlatten(), *minimize_widths()):
        model = model.transform(step)
    parent = model.transform(CreateDataflowPartition(partition_model_dir=str(folder / "partitions")))
    partitions = parent.get_nodes_by_op_type("StreamingDataflowPartition")
    if len(partitions) != 1:
        outside = [node.name for node in parent.graph.node if node.op_type != "StreamingDataflowPartition"]
        raise FlowError(f"expected one accelerator, got {len(partitions)}; FINN cannot map {', '.join(outside)}")
    partition = getCustomOp(partitions[0])
    model = plain = ModelWrapper(partition.get_nodeattr("model"))
    for step in (SpecializeLayers(part), GiveUniqueNodeNames(), InferDataTypes()):
        model = model.transform(step)
    partition.set_nodeattr("model", MODEL)
    parent.save(str(folder / PARENT))
    shutil.rmtree(folder / "partitions")
    return FinnGraph(model, plain, matched)


def minimize_widths() -> tuple:
    """The steps that give weights, sums and thresholds the width their values need."""
    return (
        MinimizeWeightBitWidth(),
        MinimizeAccumulatorWidth(),
        InferDataTypes(),
        RoundAndClipThresholds(),
        MinimizeWeightBitWidth(),
        InferDataTypes(),
    )
