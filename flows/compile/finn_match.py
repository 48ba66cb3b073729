"""Step: finn's hardware graph is checked against the integer network, and gets its exact thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import get_by_name

from flows.compile.network import INPUT, Activation, MaxPool, Network, Node, Product, Sum, SumPool
from flows.compile.staircase import Mirror
from flows.compile.thresholds import layer_thresholds
from flows.errors import FlowError


@dataclass
class Matched:
    """`tensors`: operator name -> tensor of finn's graph with its values; `signs`: per matrix unit and channel, -1
    where finn's sums are the negatives of ours; `affine`: per operator and channel (shift, bias), where ours are
    (finn's << shift) + bias, because finn leaves the bias of the logits to the host; `moved`: thresholds of finn's
    algebra that differ from the exact ones, per activation."""

    tensors: dict[str, str] = field(default_factory=dict)
    signs: dict[str, list[int]] = field(default_factory=dict)
    affine: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """As `compile.json` has it."""
        return {"tensors": self.tensors, "signs": self.signs, "affine": self.affine, "thresholds_moved": self.moved}


def match(model: ModelWrapper, network: Network) -> Matched:
    """Follows both graphs from stream to stream. Changes `model`: its thresholds become the exact ones.

    Raises FlowError where finn's graph is not the network: other weights (up to sign, channel by channel), more or
    fewer layers, nodes outside hardware.
    """
    for node in network.nodes:
        if isinstance(node, Activation) and any(isinstance(step, Mirror) for step in node.stairs.steps):
            raise FlowError(f"the codes of {node.name} are mirrored, and finn counts only upwards")
        if isinstance(node, MaxPool) and any(node.pads):
            raise FlowError(f"finn pads {node.name} with zeros, which may win its maximum")
    walk = _Walk(model, network)
    for node in model.graph.node:
        walk.visit(node)
    if walk.left:
        raise FlowError(f"finn's graph has no layer for {', '.join(node.name for node in walk.left)}")
    return walk.matched


SAME_VALUES = ("FMPadding", "ConvolutionInputGenerator", "Flatten", "Reshape", "Squeeze", "DuplicateStreams")
TURNS = {(0, 2, 3, 1): "NHWC", (0, 3, 1, 2): "NCHW"}
OUTSIDE = ("Mul", "Add")
"""The logits' scale and bias, which the host keeps."""
POOLS = {"Pool": MaxPool, "StreamingMaxPool": MaxPool, "GlobalAccPool": SumPool}


@dataclass(frozen=True, slots=True)
class _Stream:
    """What a tensor of finn's graph carries: the integers of `node`, times `factor`. `axes`: their order, of images."""

    node: str
    factor: int = 1
    axes: str = "NHWC"


class _Walk:
    """`left`: nodes of the network that no node of finn's graph has been found for."""

    def __init__(self, model: ModelWrapper, network: Network) -> None:
        self.model = model
        self.left = list(network.nodes)
        self.matched = Matched()
        self._streams = {model.graph.input[0].name: _Stream(INPUT, axes="NCHW")}

    def visit(self, node: NodeProto) -> None:
        streams = [self._streams[tensor] for tensor in node.input if tensor in self._streams]
        if node.op_type not in ("Thresholding", *OUTSIDE):
            self._refuse_negated(node, streams)
        given = self._given(node, streams)
        for tensor in node.output:
            self._streams[tensor] = given
        if given.node not in (stream.node for stream in streams):
            if any(stream.axes != "NHWC" for stream in streams) and self._is_image(node.input[0]):
                raise FlowError(f"{node.name} of finn's graph takes its channels first")
            self.matched.tensors[given.node] = node.output[0]

    def _is_image(self, tensor: str) -> bool:
        return len(self.model.get_tensor_shape(tensor)) == 4

    def _given(self, node: NodeProto, streams: list[_Stream]) -> _Stream:
        if node.op_type in SAME_VALUES:
            return streams[0]
        if node.op_type == "Transpose":
            return replace(streams[0], axes=TURNS.get(tuple(get_by_name(node.attribute, "perm").ints), "other"))
        if node.op_type in ("MVAU", "VVAU"):
            return self._product(node, streams)
        if node.op_type == "Thresholding":
            return self._activation(node, streams)
        if node.op_type in POOLS and _is_of_one_pixel(node):
            return streams[0]
        if node.op_type in POOLS:
            return _Stream(self._take(POOLS[node.op_type], streams, node.name).name)
        if node.op_type == "ElementwiseMul" and len(streams) == 1:
            return self._multiple(node, streams[0])
        if node.op_type == "ElementwiseAdd":
            return self._sum(node, streams)
        if node.op_type in OUTSIDE and not self.left:
            return streams[0]
        raise FlowError(f"finn left {node.name} ({node.op_type}) outside hardware")

    def _candidates(self, kind: type[Node], streams: list[_Stream]) -> list:
        """Nodes of this kind, not found yet, that take these streams as they are."""
        if any(stream.factor != 1 for stream in streams):
            return []
        names = tuple(stream.node for stream in streams)
        return [node for node in self.left if isinstance(node, kind) and node.inputs == names]

    def _take(self, kind: type[Node], streams: list[_Stream], name: str) -> Node:
        candidates = self._candidates(kind, streams)
        if not candidates:
            raise FlowError(f"{name} of finn's graph has no counterpart in the network")
        if len(candidates) > 1:
            both = ", ".join(node.name for node in candidates)
            raise FlowError(f"{name} of finn's graph may be any of {both}, which take the same integers")
        self.left.remove(candidates[0])
        return candidates[0]

    def _product(self, node: NodeProto, streams: list[_Stream]) -> _Stream:
        weights = self.model.get_initializer(node.input[1])
        if weights is None:
            raise FlowError(f"{node.name}: its weight is not a constant")
        rows = np.rint(weights).astype(np.int64)
        rows = rows.reshape(len(rows), -1) if node.op_type == "VVAU" else rows.T
        reason = FlowError(f"{node.name} of finn's graph has no counterpart in the network")
        for product in self._candidates(Product, streams):
            try:
                signs = _relative_signs(node.name, product, rows)
            except FlowError as error:
                reason = error
                continue
            self.left.remove(product)
            if -1 in signs:
                self.matched.signs[product.name] = signs
            if product.shift or product.bias.any():
                self.matched.affine[product.name] = product.shift, product.bias.tolist()
            return _Stream(product.name)
        raise reason

    def _activation(self, node: NodeProto, streams: list[_Stream]) -> _Stream:
        if not self._candidates(Activation, streams) and _changes_nothing(self.model, node):
            return streams[0]
        activation = self._take(Activation, streams, node.name)
        relative = self.matched.signs.get(streams[0].node, [1] * len(activation.signs))
        _write_thresholds(self.model, node, activation, relative, self.matched)
        return _Stream(activation.name)

    def _multiple(self, node: NodeProto, stream: _Stream) -> _Stream:
        factor = next(value for value in map(self.model.get_initializer, node.input) if value is not None)
        if factor.size != 1 or factor.item() != round(factor.item()):
            raise FlowError(f"{node.name}: expected one whole factor, got {factor.reshape(-1)[:4].tolist()}")
        return replace(stream, factor=stream.factor * round(factor.item()))

    def _sum(self, node: NodeProto, streams: list[_Stream]) -> _Stream:
        names = tuple(stream.node for stream in streams)
        for left in self.left:
            if not isinstance(left, Sum) or left.inputs not in (names, names[::-1]):
                continue
            factors = [stream.factor for stream in streams]
            terms = list(zip(names, left.gains if left.inputs == names else left.gains[::-1], strict=True))
            affine = [self.matched.affine.get(name, (0, [0])) for name, _ in terms]
            shift = max(behind for behind, _ in affine)
            theirs = [factor << shift for factor in factors]
            if [gain << behind for (_, gain), (behind, _) in zip(terms, affine, strict=True)] != theirs:
                continue
            bias = sum(gain * np.array(offset) for (_, gain), (_, offset) in zip(terms, affine, strict=True))
            if shift or bias.any():
                self.matched.affine[left.name] = shift, bias.tolist()
            self.left.remove(left)
            return _Stream(left.name)
        sums = " + ".join(f"{stream.factor} * {stream.node}" for stream in streams)
        raise FlowError(f"{node.name} of finn's graph, {sums}, has no counterpart in the network")

    def _refuse_negated(self, node: NodeProto, streams: list[_Stream]) -> None:
        for stream in streams:
            if stream.node in self.matched.signs:
                raise FlowError(f"{node.name} takes the sums of {stream.node}, some of which finn gives negated")


def _is_of_one_pixel(node: NodeProto) -> bool:
    kernel = get_by_name(node.attribute, "KernelSize")
    return kernel is not None and all(size == 1 for size in kernel.ints)


def _changes_nothing(model: ModelWrapper, node) -> bool:
    """Whether thresholds 1, 2, 3, ... count what comes in: a quantizer of codes that are its own already."""
    table = model.get_initializer(node.input[1])
    offset = get_by_name(node.attribute, "ActVal")
    counted = np.arange(1, table.shape[1] + 1)
    return bool((np.ceil(table) == counted).all()) and (offset is None or offset.i == 0)


def _relative_signs(name: str, product: Product, rows: np.ndarray) -> list[int]:
    """1 or -1 per channel, by which finn's weights are ours. Finn may have kept the order of a flattened (C, H, W)."""
    ours = product.weights
    candidates = [rows]
    if product.geometry is None and len(product.input_shape) == 3 and rows.shape == ours.shape:
        height, width, channels = product.input_shape
        turned = rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(rows), -1)
        candidates.append(turned)
    for candidate in candidates:
        if candidate.shape != ours.shape:
            raise FlowError(f"{name}: expected weights {ours.shape}, finn gives {candidate.shape}")
        same, opposite = (candidate == ours).all(axis=1), (candidate == -ours).all(axis=1)
        if (same | opposite).all():
            return [1 if is_same else -1 for is_same in same]
    channel = int(np.flatnonzero(~(same | opposite))[0])
    raise FlowError(f"{name}: finn changed the weights of channel {channel}")


def _write_thresholds(model: ModelWrapper, node, activation: Activation, relative: list[int], matched: Matched) -> None:
    ranges = list(zip(activation.input_range.low, activation.input_range.high, strict=True))
    if len(relative) != len(ranges):
        raise FlowError(f"{node.name}: expected {len(ranges)} channels, got {len(relative)}")
    ranges = [(a, b) if sign > 0 else (-b, -a) for (a, b), sign in zip(ranges, relative, strict=True)]
    signs = [ours * theirs for ours, theirs in zip(activation.signs, relative, strict=True)]
    theirs = model.get_initializer(node.input[1])
    table = layer_thresholds(activation.stairs, signs, ranges)
    if theirs.shape[1] != table.shape[1] or theirs.shape[0] not in (1, len(table)):
        raise FlowError(f"{node.name}: expected thresholds {table.shape}, finn gives {theirs.shape}")
    if (channels := model.get_tensor_shape(node.input[0])[-1]) != len(table):
        raise FlowError(f"{node.name}: expected {len(table)} channels, finn counts {channels}")
    theirs = np.broadcast_to(theirs, table.shape)
    low, high = (np.array(side)[:, None] for side in zip(*ranges, strict=True))
    clipped = [np.clip(values, low, high + 1) for values in (np.ceil(theirs), table)]
    matched.moved[activation.name] = int((clipped[0] != clipped[1]).sum())
    as_float = table.astype(np.float32)
    if not np.array_equal(as_float.astype(np.int64), table):
        raise FlowError(f"{node.name}: thresholds up to {np.abs(table).max()} are no float32, which finn computes in")
    model.set_initializer(node.input[1], as_float)
