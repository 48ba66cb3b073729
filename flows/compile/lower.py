"""Step: finn's hardware graph to operator plans, with exact thresholds written back into finn's graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import onnx
from onnx.helper import get_attribute_value
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.layers import Layer
from flows.compile.plan import MatVecPlan, PadPlan, Plan, PoolPlan, ThresholdPlan, WindowPlan
from flows.compile.refuse import MAX_BITS, refuse
from flows.compile.thresholds import layer_thresholds
from flows.errors import FlowError
from hw.inttype import IntType

MAX_SCORE_SHIFT = 8


@dataclass
class Lowered:
    """`plans` in stream order; `logit_scale`: logit = score * logit_scale; `moved`: thresholds of finn's algebra that
    differ from the exact ones, per activation; `tensors`: operator name -> tensor of finn's graph with its values;
    `signs`: per activation and channel, -1 where finn negated the weights in front of it."""

    plans: list[Plan] = field(default_factory=list)
    logit_scale: Fraction = Fraction(1)
    moved: dict[str, int] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)
    signs: dict[str, list[int]] = field(default_factory=dict)


class _Lowering:
    def __init__(self, model: ModelWrapper, layers: list[Layer], shape: tuple[int, int, int]) -> None:
        self.model, self.layers, self.out = model, layers, Lowered()
        self.shape: tuple[int, ...] = shape
        self.dtype = layers[0].codes.dtype
        self.index = -1
        self.counts = {"conv": 0, "fc": 0, "pool": 0}
        self.window: WindowPlan | None = None
        self.ranges: list[tuple[int, int]] = []
        self.signs: list[int] = []
        self.layer_name = ""
        self.channels_last = self.flat_channels_last = False  # of finn's tensors; ours always are

    def attributes(self, node: onnx.NodeProto) -> dict[str, object]:
        return {a.name: get_attribute_value(a) for a in node.attribute}

    def number(self, kind: str) -> str:
        name = f"{kind}{self.counts[kind]}"
        self.counts[kind] += 1
        return name

    def padding(self, node: onnx.NodeProto) -> None:
        top, left, bottom, right = map(int, self.attributes(node)["Padding"])
        self.out.plans.append(PadPlan(f"pad{self.counts['conv']}", self.shape, self.dtype, (top, left, bottom, right)))
        height, width, channels = self.shape
        self.shape = (height + top + bottom, width + left + right, channels)

    def sliding_window(self, node: onnx.NodeProto) -> None:
        options = self.attributes(node)
        if any(d != 1 for d in options["Dilation"]):
            raise refuse(node, "dilation", "use dilation 1")
        kernel, stride = tuple(map(int, options["ConvKernelDim"])), tuple(map(int, options["Stride"]))
        following = self.model.find_consumer(node.output[0])
        if following is not None and following.op_type == "Pool":
            if kernel != stride or kernel[0] != kernel[1]:
                raise refuse(node, f"a pool of {kernel} with stride {stride}", "use a square pool with equal stride")
            if kernel[0] == 1:
                return
            self.out.plans.append(PoolPlan(self.number("pool"), self.shape, self.dtype, kernel[0]))
            height, width, channels = self.shape
            self.shape = (height // kernel[0], width // kernel[0], channels)
            return
        self.window = WindowPlan(f"window{self.counts['conv']}", self.shape, self.dtype, kernel, stride)
        self.out.plans.append(self.window)

    def matrix_unit(self, node: onnx.NodeProto) -> None:
        self.index += 1
        if self.index >= len(self.layers):
            raise FlowError(f"finn's graph has more matrix units than the network's {len(self.layers)} layers")
        layer = self.layers[self.index]
        weights = self.model.get_initializer(node.input[1])
        if weights is None:
            raise refuse(node, "its weight is not a constant", "export the network in evaluation mode")
        rows = self._match(node, layer, np.rint(weights.T).astype(np.int64))
        weight_type = layer.weight_type
        if rows.min() < weight_type.min or rows.max() > weight_type.max:  # negated rows may need a bit more
            weight_type = IntType.holding(int(rows.min()), int(rows.max()))
            if weight_type.bits > MAX_BITS:
                raise refuse(
                    node, f"a negative factor negates its weights, {weight_type.name} is wider than {MAX_BITS} bits",
                    "use a narrow-range weight quantizer",
                )  # fmt: skip
        window, self.window = self.window, None
        positions = window.positions if window else self.shape[:2] if layer.weights.ndim == 4 else ()
        self.layer_name = self.number("conv" if layer.weights.ndim == 4 else "fc")
        bias, shift = np.zeros(len(rows), dtype=np.int64), 0
        if layer.stairs is None:
            bias, shift, self.out.logit_scale = scores(layer)
        self.out.plans.append(
            MatVecPlan(
                self.layer_name, positions, rows, weight_type, self.dtype, bias, shift,
                window.shape[2] if window else 0,
            )
        )  # fmt: skip
        self.out.tensors[self.layer_name] = node.output[0]
        self.shape = (*positions, len(rows))

    def _match(self, node: onnx.NodeProto, layer: Layer, rows: np.ndarray) -> np.ndarray:
        """Finn may negate a channel whose scale is negative, nothing else; learns each channel's sign and range.

        Returns the rows, int64 (M, K), in the order of our stream.
        """
        expected = layer.rows
        if layer.weights.ndim == 2 and len(self.shape) == 3:  # flattened NCHW in the export, NHWC here
            expected = self._channels_last(expected)
            if not self.flat_channels_last:
                rows = self._channels_last(rows)
        if rows.shape != expected.shape:
            raise FlowError(f"{node.name}: expected weights {expected.shape}, finn gives {rows.shape}")
        self.ranges, self.signs = [], []
        for channel, (ours, theirs) in enumerate(zip(expected, rows, strict=True)):
            sign = 1 if np.array_equal(ours, theirs) else -1 if np.array_equal(-ours, theirs) else 0
            low, high = reach(ours, self.dtype)
            if sign == 0:
                constant = layer.stairs is not None and layer.stairs(low, channel) == layer.stairs(high, channel)
                if not constant or np.any(theirs):
                    raise FlowError(f"{node.name}: finn changed the weights of channel {channel}")
                sign = 1
            self.signs.append(sign)
            self.ranges.append(reach(theirs, self.dtype))
        return rows

    def _channels_last(self, rows: np.ndarray) -> np.ndarray:
        height, width, channels = self.shape
        if rows.shape[1] != channels * height * width:
            return rows
        return rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(rows), -1)

    def transpose(self, node: onnx.NodeProto) -> None:
        self.channels_last = list(self.attributes(node)["perm"]) == [0, 2, 3, 1]

    def flatten(self, node: onnx.NodeProto) -> None:
        self.flat_channels_last = self.channels_last

    def thresholding(self, node: onnx.NodeProto) -> None:
        layer = self.layers[self.index]
        if layer.stairs is None:
            raise refuse(node, "an activation behind the last layer", "remove it")
        try:
            table = layer_thresholds(layer.stairs, self.signs, self.ranges)
        except FlowError as error:
            raise refuse(node, str(error), "use rising activations, with no negative factor behind a Relu") from error
        name = self.layer_name.replace("conv", "act_conv").replace("fc", "act_fc")
        theirs = np.broadcast_to(self.model.get_initializer(node.input[1]), table.shape)
        low, high = (np.array(side)[:, None] for side in zip(*self.ranges, strict=True))
        clipped = [np.clip(values, low, high + 1) for values in (np.ceil(theirs), table)]
        self.out.moved[name] = int((clipped[0] != clipped[1]).sum())
        as_float = table.astype(np.float32)
        if not np.array_equal(as_float.astype(np.int64), table):
            raise refuse(node, f"thresholds up to {np.abs(table).max()}", "use fewer weight bits in that layer")
        self.model.set_initializer(node.input[1], as_float)
        self.dtype = IntType.holding(min(0, layer.stairs.low), layer.stairs.high)
        self.out.plans.append(ThresholdPlan(name, table, self.dtype, layer.stairs.low))
        self.out.tensors[name] = node.output[0]
        self.out.signs[name] = self.signs

    def run(self) -> Lowered:
        handlers = {
            "FMPadding": self.padding,
            "ConvolutionInputGenerator": self.sliding_window,
            "MVAU": self.matrix_unit,
            "Thresholding": self.thresholding,
            "Transpose": self.transpose,
            "Flatten": self.flatten,
            "Reshape": self.flatten,
        }
        ignored = ("Pool", "Squeeze")
        for node in self.model.graph.node:
            if node.op_type in handlers:
                handlers[node.op_type](node)
            elif node.op_type in ("Mul", "Add") and self.index == len(self.layers) - 1:
                continue  # the logits' scale and bias: kept exactly in `logit_scale` and the last unit's bias
            elif node.op_type not in ignored:
                raise refuse(node, "finn left it outside hardware", "see the operators in docs/architecture.md")
        if self.index != len(self.layers) - 1:
            raise FlowError(f"expected {len(self.layers)} matrix units in finn's graph, got {self.index + 1}")
        return self.out


def reach(row: np.ndarray, codes: IntType) -> tuple[int, int]:
    """Least and greatest sum of `row` (integers) times codes of that type."""
    products = np.stack([row * codes.min, row * codes.max])
    return int(products.min(axis=0).sum()), int(products.max(axis=0).sum())


def scores(layer: Layer) -> tuple[np.ndarray, int, Fraction]:
    """Integer `bias` (M,), `shift` and logit scale of the last layer: logit = ((acc << shift) + bias) * scale."""
    unit = layer.scale * layer.codes.step * layer.gain
    ratio = layer.codes.lowest / layer.codes.step
    offsets = [
        ratio * int(total) + extra / unit for total, extra in zip(layer.rows.sum(axis=1), layer.shift, strict=True)
    ]
    for shift in range(MAX_SCORE_SHIFT + 1):
        if all((offset * 2**shift).denominator == 1 for offset in offsets):
            bias = np.array([int(offset * 2**shift) for offset in offsets], dtype=np.int64)
            return bias, shift, unit / 2**shift
    raise FlowError(
        "last layer: its bias is no whole number of accumulator steps, so integer scores cannot hold it; train it "
        "without bias"
    )


def lower(model: ModelWrapper, layers: list[Layer], shape: tuple[int, int, int]) -> Lowered:
    """`shape`: (H, W, C) of the network's input. Changes `model`: its thresholds become the exact ones."""
    return _Lowering(model, layers, shape).run()
