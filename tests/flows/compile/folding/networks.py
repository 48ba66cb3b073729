"""Small networks as plans with random weights, and every circuit that they can be folded to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from flows.compile.assemble import assemble
from flows.compile.folding.folding import Folding
from flows.compile.folding.options import MEMORIES, PRODUCTS, divisors, join_widths
from flows.compile.plan import (
    AddPlan,
    ConcatPlan,
    DepthwisePlan,
    MatVecPlan,
    PadPlan,
    Plan,
    PoolPlan,
    ThresholdPlan,
    WindowPlan,
)
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.stream import Stream

UINT2, INT4 = IntType(2, False), IntType(4, True)


@dataclass
class Network:
    """Appends plans to one chain; `shape`: (H, W, C) of what the last one gives."""

    shape: tuple[int, int, int]
    seed: int = 0
    weight_type: IntType = IntType.parse("BIPOLAR")

    def __post_init__(self) -> None:
        self.source = Stream(self.shape, UINT2, 1)
        self.plans: list[Plan] = []
        self.last, self.random = "input", np.random.default_rng(self.seed)

    def append(self, plan: Plan, shape: tuple[int, int, int]) -> Network:
        self.plans.append(plan)
        self.last, self.shape = plan.name, shape
        return self

    def window(self, kernel: int, stride: int = 1, depthwise: bool = False) -> WindowPlan:
        plan = WindowPlan(
            f"window{len(self.plans)}", (self.last,), self.shape, UINT2, (kernel, kernel), (stride, stride), (1, 1),
            depthwise,
        )  # fmt: skip
        self.append(plan, (*plan.positions, self.shape[2]))
        return plan

    def pad(self) -> Network:
        height, width, channels = self.shape
        plan = PadPlan(f"pad{len(self.plans)}", (self.last,), self.shape, UINT2, (1, 1, 1, 1), 0)
        return self.append(plan, (height + 2, width + 2, channels))

    def conv(self, rows: int, kernel: int = 2, stride: int = 1) -> Network:
        elements, channels = int(np.prod(self.shape)), self.shape[2]
        window = self.window(kernel, stride)
        return self._matvec(rows, kernel * kernel * channels, window.positions, channels, elements)

    def pointwise(self, rows: int) -> Network:
        return self._matvec(rows, self.shape[2], self.shape[:2], 0, 0)

    def dense(self, rows: int) -> Network:
        return self._matvec(rows, int(np.prod(self.shape)), (), 0, 0)

    def _matvec(self, rows: int, columns: int, positions: tuple, channels: int, elements: int) -> Network:
        codes = self.random.integers(0, 1 << self.weight_type.bits, (rows, columns))
        weights = self.weight_type.decode(codes)
        bias = self.random.integers(-3, 4, rows)
        name = f"unit{len(self.plans)}"
        plan = MatVecPlan(name, (self.last,), positions, weights, self.weight_type, UINT2, bias, 0, channels, elements)
        return self.append(plan, (*(positions or (1, 1)), rows))

    def depthwise(self, kernel: int = 2) -> Network:
        elements, channels = int(np.prod(self.shape)), self.shape[2]
        window = self.window(kernel, depthwise=True)
        weights = self.random.integers(-8, 8, (channels, kernel, kernel))
        bias = np.zeros(channels, np.int64)
        name = f"unit{len(self.plans)}"
        plan = DepthwisePlan(name, (self.last,), window.positions, weights, INT4, UINT2, bias, 0, elements)
        return self.append(plan, self.shape)

    def act(self) -> Network:
        channels = self.shape[2]
        table = np.sort(self.random.integers(0, 4, (channels, 3)), axis=1)
        shape = self.shape if self.shape[:2] != (1, 1) else (channels,)
        return self.append(ThresholdPlan(f"act{len(self.plans)}", (self.last,), shape, table, UINT2, 0), self.shape)

    def pool(self) -> Network:
        height, width, channels = self.shape
        plan = PoolPlan(f"pool{len(self.plans)}", (self.last,), self.shape, (2, 2), (2, 2))
        return self.append(plan, (height // 2, width // 2, channels))

    def add(self, other: str) -> Network:
        return self.append(AddPlan(f"add{len(self.plans)}", (self.last, other), self.shape, (1, 3)), self.shape)

    def concat(self, other: str, channels: int) -> Network:
        height, width, own = self.shape
        plan = ConcatPlan(f"concat{len(self.plans)}", (self.last, other), (height, width), (own, channels))
        return self.append(plan, (height, width, own + channels))


def every_folding(plans: list[Plan]) -> Iterator[dict[str, Folding]]:
    """Every legal folding of every unit, in all combinations."""
    options = {plan.name: list(_foldings(plan)) for plan in plans if not isinstance(plan, FOLLOWERS)}
    for choice in product(*options.values()):
        yield dict(zip(options, choice, strict=True))


FOLLOWERS = (PadPlan, WindowPlan, ThresholdPlan, PoolPlan)


def _foldings(plan: Plan) -> Iterator[Folding]:
    if isinstance(plan, MatVecPlan):
        simds = divisors(plan.window_channels or plan.weights.shape[1])
        products = PRODUCTS[1:] if plan.weight_type.bits > 1 else PRODUCTS[1:2]
        for values in product(divisors(len(plan.weights)), simds, MEMORIES[1:], products):
            yield Folding(*values)
    elif isinstance(plan, DepthwisePlan):
        yield from (Folding(pe, 1, memory) for pe in divisors(len(plan.weights)) for memory in MEMORIES[1:])
    else:
        yield from (Folding(pe) for pe in join_widths(plan))


def circuit(network: Network, foldings: dict[str, Folding]) -> Dataflow:
    return assemble("net", network.plans, network.source, foldings, 2, False)
