"""Step: the integer network as operator plans, with exact thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flows.compile.network import (
    Activation,
    Concatenation,
    MaxPool,
    Network,
    Product,
    Sum,
    SumPool,
)
from flows.compile.plan import (
    AddPlan,
    ConcatPlan,
    DepthwisePlan,
    MatVecPlan,
    PadPlan,
    Plan,
    PoolPlan,
    SumPoolPlan,
    ThresholdPlan,
    WindowPlan,
)
from flows.compile.thresholds import layer_thresholds
from flows.errors import FlowError
from hw.inttype import IntType

MAX_CAST_VALUES = 256


@dataclass
class Lowered:
    """`plans` in topological order; `tables`: exact thresholds of every activation, int64 (C, all of its steps)."""

    plans: list[Plan] = field(default_factory=list)
    tables: dict[str, np.ndarray] = field(default_factory=dict)


def lower(network: Network) -> Lowered:
    """Raises FlowError where a staircase has no thresholds, which would be a fault of the reader."""
    lowered = Lowered()
    types = {node.name: node.dtype for node in network.nodes} | {"input": network.input_type}
    for node in network.nodes:
        lowered.plans += _PLANS[type(node)](node, lowered, types)
    return lowered


def _product(node: Product, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    geometry, source = node.geometry, node.inputs[0]
    bias, shift = node.bias, node.shift
    if geometry is None:
        return [
            MatVecPlan(
                node.name, node.inputs, (), node.weights, node.weight_type, node.input_type, bias, shift, 0
            )
        ]  # fmt: skip
    plans: list[Plan] = []
    shape, label = node.input_shape, node.name.removeprefix("conv")
    if any(geometry.pads):
        plans.append(PadPlan(f"pad{label}", (source,), shape, node.input_type, geometry.pads, geometry.pad_code))
        top, left, bottom, right = geometry.pads
        shape, source = (shape[0] + top + bottom, shape[1] + left + right, shape[2]), plans[-1].name
    plain = geometry.kernel == (1, 1) and geometry.stride == (1, 1) and not geometry.depthwise
    if plain:
        positions = shape[:2]
        return [
            *plans,
            MatVecPlan(
                node.name, (source,), positions, node.weights, node.weight_type, node.input_type, bias, shift, 0
            ),
        ]  # fmt: skip
    window = WindowPlan(
        f"window{label}", (source,), shape, node.input_type,
        geometry.kernel, geometry.stride, geometry.dilation, geometry.depthwise,
    )  # fmt: skip
    elements = shape[0] * shape[1] * shape[2]
    if geometry.depthwise:
        filters = node.weights.reshape(-1, *geometry.kernel)
        unit: Plan = DepthwisePlan(
            node.name, (window.name,), window.positions, filters, node.weight_type, node.input_type,
            bias, shift, elements,
        )  # fmt: skip
    else:
        unit = MatVecPlan(
            node.name, (window.name,), window.positions, node.weights, node.weight_type, node.input_type,
            bias, shift, shape[2], elements,
        )  # fmt: skip
    return [*plans, window, unit]


def _activation(node: Activation, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    ranges = list(zip(node.input_range.low, node.input_range.high, strict=True))
    try:
        if len(set(ranges)) == 1 and not node.stairs.per_channel:
            table = np.repeat(layer_thresholds(node.stairs, node.signs[:1], ranges[:1]), len(ranges), axis=0)
        else:
            table = layer_thresholds(node.stairs, node.signs, ranges)
    except FlowError as error:
        raise FlowError(f"activation {node.name}: {error}; please report it") from error
    lowered.tables[node.name] = table
    lows, highs = (np.array(side)[:, None] for side in zip(*ranges, strict=True))
    always, never = (table <= lows).all(axis=0), (table > highs).all(axis=0)
    kept = table[:, ~always & ~never]
    start = node.stairs.low + node.stairs.step * int(always.sum())
    if not kept.shape[1]:  # a constant needs one threshold still: never reached, or always, as its type allows
        above = start + node.stairs.step <= node.dtype.max
        kept, start = (highs + 1, start) if above else (lows, start - node.stairs.step)
    stairs = (node.dtype, start, node.stairs.step, node.noise)
    return [ThresholdPlan(node.name, node.inputs, node.shape, kept, *stairs)]


def _max_pool(node: MaxPool, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    plans: list[Plan] = []
    shape, source = node.input_shape, node.inputs[0]
    if any(node.pads):
        dtype, (top, left, bottom, right) = types[source], node.pads
        plans.append(PadPlan(f"pad_{node.name}", (source,), shape, dtype, node.pads, dtype.min))
        shape, source = (shape[0] + top + bottom, shape[1] + left + right, shape[2]), plans[-1].name
    return [*plans, PoolPlan(node.name, (source,), shape, node.kernel, node.stride)]


def _sum_pool(node: SumPool, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    return [SumPoolPlan(node.name, node.inputs, node.input_shape, node.kernel)]


def _sum(node: Sum, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    return [AddPlan(node.name, node.inputs, node.shape, node.gains)]


def _concatenation(node: Concatenation, lowered: Lowered, types: dict[str, IntType]) -> list[Plan]:
    """Streams of one type; a narrower one goes through thresholds that change its type and nothing else."""
    plans: list[Plan] = []
    inputs, channels = [], []
    for index, source in enumerate(node.inputs):
        channels.append(node.parts[index])
        dtype = types[source]
        if dtype != node.dtype:
            values = range(dtype.min, dtype.max + 1, 2 if dtype.bipolar else 1)
            if len(values) > MAX_CAST_VALUES:
                raise FlowError(
                    f"{node.name}: expected parts of one type, got {dtype.name} and {node.dtype.name}; quantize each "
                    "part before it is joined"
                )
            table = np.tile(np.array(values[1:], dtype=np.int64), (channels[-1], 1))
            name = f"{node.name}_cast{index}"
            shape = (*node.shape[:-1], channels[-1])
            plans.append(ThresholdPlan(name, (source,), shape, table, node.dtype, values[0], values.step))
            source = name
        inputs.append(source)
    return [*plans, ConcatPlan(node.name, tuple(inputs), node.shape[:-1], tuple(channels))]


_PLANS = {
    Product: _product,
    Activation: _activation,
    MaxPool: _max_pool,
    SumPool: _sum_pool,
    Sum: _sum,
    Concatenation: _concatenation,
}
