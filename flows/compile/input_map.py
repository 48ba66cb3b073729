"""How the pixels of a circuit (codes 0..255) become the numbers that a foreign network was trained on."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from flows.compile.read.constants import constant_of
from flows.compile.read.reader import load_graph
from flows.errors import FlowError


class InputMap(Enum):
    """`codes`: the network takes 0..255 itself; `unit`: code / 255; `symmetric`: 2 * code / 255 - 1."""

    CODES = "codes"
    UNIT = "unit"
    SYMMETRIC = "symmetric"


def guess(path: Path) -> InputMap:
    """`codes` where the graph begins by scaling its input down by 64 or more, else `unit`, the usual convention."""
    graph = load_graph(path).graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    constants |= {node.output[0]: constant_of(node) for node in graph.node if node.op_type == "Constant"}
    tensor = next(entry.name for entry in graph.input if entry.name not in constants)
    passed = ("Reshape", "Flatten", "Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze", "Sub", "Add")
    while True:
        nodes = [n for n in graph.node if tensor in n.input and n.op_type != "Shape"]
        if len(nodes) != 1:
            return InputMap.UNIT
        node = nodes[0]
        if node.op_type in ("Mul", "Div"):
            value = next((constants[name] for name in node.input if name in constants), None)
            if value is None or value.size == 0:
                return InputMap.UNIT
            size = float(np.abs(value).max())
            small = size < 1 / 64 if node.op_type == "Mul" else size > 64
            return InputMap.CODES if small else InputMap.UNIT
        if node.op_type not in passed:
            return InputMap.UNIT
        tensor = node.output[0]


def write_with_pixels(path: Path, target: Path, mapping: InputMap) -> None:
    """A copy of the QONNX file that takes pixel codes 0..255 as float32 (1, C, H, W), whatever the original takes.

    A vector (1, K) becomes K channels of one pixel, a signal (1, C, L) one row; an image whose first node turns
    channels first is taken as (1, H, W, C). Raises FlowError for other inputs.
    """
    model = load_graph(path)
    graph = model.graph
    del graph.quantization_annotation[:]
    names = {t.name for t in graph.initializer}
    entries = [entry for entry in graph.input if entry.name not in names]
    if len(entries) != 1:
        raise FlowError(f"{path}: expected one input, got {len(entries)}; export the part between pixels and logits")
    entry = entries[0]
    dims = [d.dim_value for d in entry.type.tensor_type.shape.dim][1:]
    if not 1 <= len(dims) <= 3 or min(dims) < 1:
        raise FlowError(f"{path}: expected an input (1, K), (1, C, L) or (1, C, H, W) of fixed sizes, got {dims}")
    nodes, tensor = [], "pixels"

    def add(kind: str, *operands: str, **attributes: object) -> None:
        nonlocal tensor
        name = f"pixels_{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, [tensor, *operands], [name], name, **attributes))
        tensor = name

    def number(value: float) -> str:
        name = f"pixels_constant{len(graph.initializer)}"
        graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
        return name

    first = next((node for node in graph.node if entry.name in node.input), None)
    image = {1: [*dims, 1, 1], 2: [dims[0], 1, dims[-1]], 3: dims}[len(dims)]
    if len(dims) == 3 and first is not None and _channels_first(first):
        image = [dims[2], dims[0], dims[1]]
        add("Transpose", perm=[0, 2, 3, 1])
    if mapping is not InputMap.CODES:
        add("Div", number(255.0))
    if mapping is InputMap.SYMMETRIC:
        add("Mul", number(2.0))
        add("Sub", number(1.0))
    if len(dims) != 3:
        name = f"pixels_shape{len(graph.initializer)}"
        graph.initializer.append(numpy_helper.from_array(np.array([1, *dims], dtype=np.int64), name))
        add("Reshape", name)
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == entry.name:
                node.input[index] = tensor
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    others = [item for item in graph.input if item.name in names]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, *image]))
    graph.input.extend(others)
    onnx.save(model, target)


def _channels_first(node: onnx.NodeProto) -> bool:
    perm = [list(a.ints) for a in node.attribute if a.name == "perm"]
    return node.op_type == "Transpose" and perm == [[0, 3, 1, 2]]
