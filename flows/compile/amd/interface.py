"""What goes in and out of the accelerator, byte by byte, and how its sums become our scores."""

from __future__ import annotations

from math import prod

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.util.basic import get_by_name

from flows.compile.amd.graph import FinnGraph
from flows.errors import FlowError
from flows.pynq.interface import NCHW, NHWC
from hw.dataflow import Dataflow


def interface(graph: FinnGraph, parent: ModelWrapper, dataflow: Dataflow, shape: tuple[int, ...]) -> dict[str, object]:
    """`shape`: (H, W, C) of an image. The record holds, for a batch of one,

    * `image`: (C, H, W); `layout`: the order of its elements in the stream, NHWC or NCHW;
    * `input`, `output`: `dtype` (FINN's name), `normal` and `folded` shape;
    * `scores`: our integers are `((sum * sign) << shift) + bias`, class by class.

    `flows/pynq/interface.py` reads it.

    Raises FlowError where the network does not end in a matrix unit.
    """
    nodes = graph.model.graph.node
    first, last = getCustomOp(nodes[0]), getCustomOp(nodes[-1])
    product = [op for op in dataflow.ops if op.kind != "argmax"][-1]
    if product.kind != "matvec":
        raise FlowError(f"{product.name}: expected a last layer with weights, got {product.kind}; FINN gives raw sums")
    height, width, channels = shape
    signs = graph.matched.signs.get(product.name, [1] * len(product.bias))
    return {
        "image": [channels, height, width],
        "layout": _layout(parent, shape),
        "input": _stream(
            first.get_input_datatype().name, first.get_normal_input_shape(), first.get_folded_input_shape()
        ),
        "output": _stream(
            last.get_output_datatype().name, last.get_normal_output_shape(), last.get_folded_output_shape()
        ),
        "scores": {"signs": signs, "shift": product.shift, "bias": [int(value) for value in product.bias]},
    }


def _stream(dtype: str, normal: tuple[int, ...], folded: tuple[int, ...]) -> dict[str, object]:
    normal, folded = [int(size) for size in normal], [int(size) for size in folded]
    if prod(normal) != prod(folded):
        raise FlowError(f"expected a folding of {normal}, FINN gives {folded}")
    return {"dtype": dtype, "normal": normal, "folded": folded}


def _layout(parent: ModelWrapper, shape: tuple[int, ...]) -> str:
    """From what the host does in front of the accelerator: a transpose to NHWC, or only a reshape."""
    before: list[NodeProto] = []
    for node in parent.graph.node:
        if node.op_type == "StreamingDataflowPartition":
            break
        before.append(node)
    kinds = [node.op_type for node in before]
    turned = [list(get_by_name(node.attribute, "perm").ints) for node in before if node.op_type == "Transpose"]
    if turned == [[0, 2, 3, 1]] and kinds == ["Transpose"]:
        return NHWC
    if set(kinds) <= {"Reshape", "Flatten"}:
        return NHWC if shape[2] == 1 else NCHW
    raise FlowError(f"expected at most a transpose in front of the accelerator, FINN leaves {', '.join(kinds)}")
