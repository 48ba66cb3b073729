"""The interpreter: walks the graph once, asks each node's family what its outputs are, collects the integer nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from flows.compile.network import INPUT, Node, Product, Range, SumPool, sum_type
from flows.compile.read.constants import attributes, compute, constant_of
from flows.compile.read.values import Codes, Constant, Layout, Value
from flows.compile.refuse import MAX_BITS, Unsupported, finite, refuse
from flows.errors import FlowError
from hw.inttype import IntType

Handler = Callable[["Reader", onnx.NodeProto], tuple[Value, str]]
"""What a node's (only) output is, and in words what became of the node. Raises Unsupported."""


MAX_POOLED_BITS = 16
"""Of quantized values that a pool has summed, which a matrix unit takes as they are."""


@dataclass(frozen=True)
class Finding:
    """What became of one node of the graph. `error`: why it has no hardware, None where it has (or was not judged,
    because something in front of it has none)."""

    name: str
    kind: str
    role: str
    error: Unsupported | None = None


class Reader:
    """State of one reading. `values`: tensor name -> what it is; `nodes`: the integer network so far."""

    def __init__(self, path: Path, input_type: IntType) -> None:
        model = load_graph(path)
        self.graph = model.graph
        self.opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=18)
        self.qonnx_opset = max((o.version for o in model.opset_import if o.domain.startswith("qonnx")), default=1)
        self.values: dict[str, Value] = {t.name: Constant(numpy_helper.to_array(t)) for t in self.graph.initializer}
        self.nodes: dict[str, Node] = {}
        self.counts: Counter[str] = Counter()
        self.signs: dict[str, tuple[int, ...]] = {}
        self.notes: list[str] = []
        entries = [entry for entry in self.graph.input if entry.name not in self.values]
        if len(entries) != 1 or len(self.graph.output) != 1:
            raise FlowError(
                f"{path}: expected one input and one output, got {len(entries)} and {len(self.graph.output)}; "
                "export the part between pixels and logits"
            )
        self.entry, self.result = entries[0].name, self.graph.output[0].name
        dims = [d.dim_value for d in entries[0].type.tensor_type.shape.dim]
        if len(dims) != 4 or min(dims[1:]) < 1:
            raise FlowError(f"{path}: expected an input (1, C, H, W), got {dims}")
        channels, height, width = dims[1:]
        self.input_shape, self.input_type = (height, width, channels), input_type
        self.values[self.entry] = Codes(INPUT, Layout(self.input_shape, ("C", "H", "W")))

    def consumer(self, tensor: str) -> onnx.NodeProto | None:
        """The only node that takes this tensor."""
        found = [node for node in self.graph.node if tensor in node.input]
        return found[0] if len(found) == 1 else None

    def attributes(self, node: onnx.NodeProto) -> dict[str, object]:
        return attributes(node)

    def value(self, node: onnx.NodeProto, index: int) -> Value | None:
        name = node.input[index] if index < len(node.input) else ""
        return self.values.get(name)

    def codes(self, node: onnx.NodeProto, index: int = 0) -> Codes:
        value = self.value(node, index)
        if not isinstance(value, Codes):
            raise refuse(node, f"its input {index} is a constant", "fold constants when exporting")
        return value

    def constant(self, node: onnx.NodeProto, index: int, what: str) -> np.ndarray:
        value = self.value(node, index)
        if not isinstance(value, Constant):
            raise refuse(node, f"its {what} is not a constant", "export the network in evaluation mode")
        return finite(node, value.array, what)

    def range(self, source: str) -> Range:
        """Of the integers of a node, or of the pixels."""
        if source != INPUT:
            return self.nodes[source].range
        channels = self.input_shape[2]
        return Range((self.input_type.min,) * channels, (self.input_type.max,) * channels)

    def dtype(self, source: str) -> IntType:
        return self.input_type if source == INPUT else self.nodes[source].dtype

    def narrow(self, node: onnx.NodeProto, source: str) -> IntType:
        """The type of integers that a product can take."""
        dtype = self.dtype(source)
        pooled = isinstance(self.nodes.get(source), SumPool)
        if dtype.bits > (MAX_POOLED_BITS if pooled else MAX_BITS):
            raise refuse(node, "its input is not quantized", "put an activation quantizer in front of it")
        return dtype

    def number(self, kind: str) -> str:
        name = f"{kind}{self.counts[kind]}"
        self.counts[kind] += 1
        return name

    def negate(self, node: onnx.NodeProto, source: str, signs: tuple[int, ...]) -> None:
        """Makes the channels of `source` with sign -1 their negatives; settles their signs.

        Raises Unsupported where no weights of its own stand behind them, or another node takes them as they are.
        """
        settled = self.signs.get(source)
        if settled == signs or (settled is None and all(sign > 0 for sign in signs)):
            self.signs[source] = signs
            return
        at = self.nodes.get(source)
        if settled is not None or any(source in other.inputs for other in self.nodes.values()):
            raise refuse(node, "values that another node takes with the other sign", "use positive scales there")
        if not isinstance(at, Product):
            raise refuse(node, "a negative factor on values that no weights stand behind", "use positive scales there")
        self.nodes[source] = _negated(node, at, signs)
        self.signs[source] = signs

    def plain(self, node: onnx.NodeProto, codes: Codes) -> Codes:
        """`codes`, whose integers are taken as the graph has them."""
        if any(sign < 0 for sign in self.signs.get(codes.source, ())):
            raise refuse(node, "values that another node takes with the other sign", "use positive scales there")
        if any(codes.pads):
            raise refuse(node, "a padded image", "pad in front of convolutions only")
        return codes

    def walk(self, handlers: dict[str, Handler], *, to_the_end: bool) -> list[Finding]:
        """Interprets every node in order. `to_the_end`: records what has no hardware and goes on, else raises it."""
        findings = []
        for node in self.graph.node:
            name = node.name or (node.output[0] if node.output else node.op_type)
            missing = [tensor for tensor in node.input if tensor and tensor not in self.values]
            if missing:
                findings.append(Finding(name, node.op_type, "not judged: it follows one that has no hardware"))
                continue
            try:
                role = self._interpret(node, handlers)
            except Unsupported as error:
                if not to_the_end:
                    raise
                findings.append(Finding(name, node.op_type, "none", error))
            else:
                findings.append(Finding(name, node.op_type, role))
        return findings

    def _interpret(self, node: onnx.NodeProto, handlers: dict[str, Handler]) -> str:
        if len(node.output) != 1 and any(node.output[1:]):
            raise refuse(node, f"it has {len(node.output)} outputs", "use nodes with one output")
        if node.output[0] in self.values:  # the partner of a node that was read with it
            return "read with the node in front of it"
        if node.op_type == "Constant":
            value, role = Constant(constant_of(node)), "constant"
        elif node.op_type == "Shape" and isinstance(self.values[node.input[0]], Codes):
            shape = (1, *self.values[node.input[0]].layout.tensor_shape)
            options = attributes(node)
            value = Constant(np.array(shape[options.get("start", 0) : options.get("end")], dtype=np.int64))
            role = "constant"
        elif self._constant_inputs(node):
            arrays = [self.values[name].array if name else None for name in node.input]
            (array,) = compute(node, arrays, self.opset)
            value, role = Constant(array), "constant"
        else:
            handler = handlers.get(node.op_type)
            if handler is None:
                raise refuse(node, "the circuit has no operator for it", f"use only {', '.join(sorted(handlers))}")
            value, role = handler(self, node)
        self.values[node.output[0]] = value
        return role

    def _constant_inputs(self, node: onnx.NodeProto) -> bool:
        """Whether onnxruntime computes it now: constants alone, and no quantizer, whose integers we want."""
        if node.op_type in QUANTIZERS or not node.input:
            return False
        return all(isinstance(self.values[name], Constant) for name in node.input if name)


QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold", "QuantizeLinear", "DequantizeLinear")


def load_graph(path: Path) -> onnx.ModelProto:
    """Raises FlowError for a file that is no ONNX model."""
    try:
        model = onnx.load(path)
        if not model.graph.input or not model.graph.output:
            raise FlowError(f"{path}: expected a QONNX file, got a graph without input or output")
    except (OSError, ValueError, onnx.onnx_cpp2py_export.checker.ValidationError) as error:
        raise FlowError(f"{path}: expected a QONNX file, got {error}") from error
    except Exception as error:  # protobuf raises a class of its own, private to its back end
        if type(error).__name__ != "DecodeError":
            raise
        raise FlowError(f"{path}: expected a QONNX file, got bytes that are no ONNX model") from error
    return model


def _negated(node: onnx.NodeProto, at: Product, signs: tuple[int, ...]) -> Product:
    sign = np.array(signs, dtype=np.int64)
    weights = at.weights * sign[:, None]
    weight_type = at.weight_type
    if weights.min() < weight_type.min or weights.max() > weight_type.max:  # negated rows may need a bit more
        weight_type = IntType.holding(int(weights.min()), int(weights.max()))
        if weight_type.bits > MAX_BITS:
            raise refuse(
                node, f"a negative factor negates weights, {weight_type.name} is wider than {MAX_BITS} bits",
                "use a narrow-range weight quantizer",
            )  # fmt: skip
    pairs = [
        (low, high) if s > 0 else (-high, -low) for s, low, high in zip(signs, at.range.low, at.range.high, strict=True)
    ]
    low, high = zip(*pairs, strict=True)
    turned = Range(low, high)
    return replace(at, weights=weights, weight_type=weight_type, range=turned, dtype=sum_type(weights, at.input_type))
