"""Step: finn's hardware graph is checked against the integer network, and gets its exact thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import get_by_name

from flows.compile.network import Activation, MaxPool, Network, Product
from flows.compile.staircase import Mirror
from flows.compile.thresholds import layer_thresholds
from flows.errors import FlowError


@dataclass
class Matched:
    """`tensors`: operator name -> tensor of finn's graph with its values; `signs`: per matrix unit and channel, -1
    where finn's sums are the negatives of ours; `moved`: thresholds of finn's algebra that differ from the exact ones,
    per activation."""

    tensors: dict[str, str] = field(default_factory=dict)
    signs: dict[str, list[int]] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        return {"tensors": self.tensors, "signs": self.signs, "thresholds_moved": self.moved}


def match(model: ModelWrapper, network: Network) -> Matched:
    """Walks both graphs in order. Changes `model`: its thresholds become the exact ones.

    Raises FlowError where finn's graph is not the network: other weights (up to sign, channel by channel), more or
    fewer layers, nodes outside hardware.
    """
    for before, node in zip(network.nodes, network.nodes[1:], strict=False):
        if node.inputs != (before.name,):
            raise FlowError(f"branches meet at {node.name}, and finn's graph is followed along one chain only")
    for node in network.nodes:
        if isinstance(node, Activation) and any(isinstance(step, Mirror) for step in node.stairs.steps):
            raise FlowError(f"the codes of {node.name} are mirrored, and finn counts only upwards")
        if isinstance(node, MaxPool) and any(node.pads):
            raise FlowError(f"finn pads {node.name} with zeros, which may win its maximum")
    matched, waiting, signs = Matched(), list(network.nodes), {}
    for node in model.graph.node:
        if node.op_type == "MVAU":
            product = _next(waiting, Product, node.name)
            weights = model.get_initializer(node.input[1])
            if weights is None:
                raise FlowError(f"{node.name}: its weight is not a constant")
            signs = {"of": product, "signs": _relative_signs(node.name, product, np.rint(weights.T).astype(np.int64))}
            matched.tensors[product.name] = node.output[0]
            if -1 in signs["signs"]:
                matched.signs[product.name] = signs["signs"]
        elif node.op_type == "Thresholding" and isinstance(_peek(waiting), Product) and _changes_nothing(model, node):
            continue
        elif node.op_type == "Thresholding":
            activation = _next(waiting, Activation, node.name)
            relative = signs["signs"] if signs else [1] * len(activation.signs)
            _write_thresholds(model, node, activation, relative, matched)
        elif node.op_type in ("Mul", "Add") and not any(isinstance(left, Product | Activation) for left in waiting):
            continue  # the logits' scale and bias, which the host keeps
        elif node.op_type not in STRUCTURE:
            raise FlowError(f"finn left {node.name} ({node.op_type}) outside hardware")
    if left := [node.name for node in waiting if isinstance(node, Product | Activation)]:
        raise FlowError(f"finn's graph has no layer for {', '.join(left)}")
    return matched


STRUCTURE = (
    "FMPadding", "ConvolutionInputGenerator", "Pool", "Transpose", "Flatten", "Reshape", "Squeeze", "StreamingMaxPool",
)  # fmt: skip


def _next(waiting: list, kind: type, name: str) -> Product | Activation:
    """The next product or activation of the network, which must be of this kind."""
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Product | Activation):
            if isinstance(node, kind):
                return node
            raise FlowError(f"{name} of finn's graph stands where the network has {node.name}")
    raise FlowError(f"{name} of finn's graph has no counterpart in the network")


def _peek(waiting: list) -> Product | Activation | None:
    return next((node for node in waiting if isinstance(node, Product | Activation)), None)


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
    theirs = np.broadcast_to(theirs, table.shape)
    low, high = (np.array(side)[:, None] for side in zip(*ranges, strict=True))
    clipped = [np.clip(values, low, high + 1) for values in (np.ceil(theirs), table)]
    matched.moved[activation.name] = int((clipped[0] != clipped[1]).sum())
    as_float = table.astype(np.float32)
    if not np.array_equal(as_float.astype(np.int64), table):
        raise FlowError(f"{node.name}: thresholds up to {np.abs(table).max()} are no float32, which finn computes in")
    model.set_initializer(node.input[1], as_float)
    matched.tensors[activation.name] = node.output[0]
