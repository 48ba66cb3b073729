"""Plans and their foldings -> `hw.Dataflow`: operators, forks, width converters between foldings, FIFOs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import gcd, lcm, prod
from typing import Protocol

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
from hw.branch_depths import with_branch_depths
from hw.dataflow import Dataflow, op_class
from hw.op import Op, inputs_of, outputs_of
from hw.stream import Stream
from hw.wiring import INPUT

JOIN_DEPTH = 2
"""Of a FIFO in front of a join until `hw.branch_depths` knows how deep it must be."""


class _Folding(Protocol):
    pe: int
    simd: int


class _Assembler:
    """`streams`: name -> stream that waits for its consumer; `given`: plan -> names of the copies of its result."""

    def __init__(
        self, plans: list[Plan], chosen: Mapping[str, _Folding], cycles: int, fifo_depth: int, writable: Collection[str]
    ) -> None:
        self.plans, self.chosen, self.cycles, self.fifo_depth = plans, chosen, cycles, fifo_depth
        self.writable = writable
        self.ops: list[Op] = []
        self.sources: dict[str, tuple[str, ...]] = {}
        self.streams: dict[str, Stream] = {}
        self.consumers: dict[str, list[Plan]] = {}
        for plan in plans:
            for name in plan.inputs:
                self.consumers.setdefault(name, []).append(plan)
        self.given: dict[str, list[str]] = {}
        self.window_of = {plan.inputs[0]: plan for plan in plans if isinstance(plan, MatVecPlan | DepthwisePlan)}

    def add(self, op: Op, *taken: str) -> str:
        """Appends an operator that takes these streams; the name of its (first) result."""
        self.ops.append(op)
        self.sources[op.name] = taken
        results = outputs_of(op)
        names = [op.name] if len(results) == 1 else [f"{op.name}.{k}" for k in range(len(results))]
        self.streams |= dict(zip(names, results, strict=True))
        return names[0]

    def offer(self, name: str, stream: str) -> None:
        """Makes the result of plan `name` (in `stream`) available to its consumers: a fork where there are several."""
        copies = len(self.consumers.get(name, []))
        if copies <= 1:
            self.given[name] = [stream]
            return
        of = self.streams[stream]
        fork = op_class("fork")(f"fork_{name}", of.shape, of.dtype, of.parallel, copies)
        self.add(fork, stream)
        self.given[name] = [f"{fork.name}.{k}" for k in range(copies)]

    def take(self, name: str) -> str:
        return self.given[name].pop(0)

    def width(self, stream: str, parallel: int, name: str) -> str:
        """The stream with `parallel` elements a beat, over the least common multiple."""
        of = self.streams[stream]
        have, shape = of.parallel, of.shape
        if have == parallel:
            return stream
        middle = lcm(have, parallel)
        shape = shape if shape[-1] % middle == 0 else (of.elements,)
        for index, (a, b) in enumerate([(have, middle), (middle, parallel)]):
            if a != b:
                converter = op_class("width_converter")(f"{name}_width{index}", shape, of.dtype, a, b)
                stream = self.add(converter, stream)
        return stream

    def fifo(self, stream: str, name: str, beats: int = 0, needed: bool = False) -> str:
        """At least `beats` deep; none where the configuration asks for no buffers, unless it is `needed`."""
        if not (self.fifo_depth or needed):
            return stream
        of, depth = self.streams[stream], max(self.fifo_depth, beats)
        return self.add(op_class("fifo")(f"{name}_fifo", of.shape, of.dtype, of.parallel, depth), stream)

    def pad(self, plan: PadPlan) -> str:
        stream = self.take(plan.inputs[0])
        parallel = self.streams[stream].parallel
        # the border stops the stream again and again: a row keeps the unit in front at work meanwhile
        stream = self.fifo(stream, plan.name, plan.shape[1] * plan.shape[2] // parallel) if self.ops else stream
        return self.add(op_class("pad")(plan.name, plan.shape, plan.dtype, parallel, plan.pads, plan.value), stream)

    def window(self, plan: WindowPlan) -> str:
        folding = self.chosen[self.window_of[plan.name].name]
        simd = folding.pe if plan.depthwise else folding.simd
        stream = self.width(self.take(plan.inputs[0]), simd, plan.name)
        stream = self.fifo(stream, plan.name) if self.ops else stream
        return self.add(
            op_class("window")(
                plan.name, plan.shape, plan.dtype, simd, plan.kernel, plan.stride, plan.dilation, plan.depthwise
            ),
            stream,
        )

    def matvec(self, plan: MatVecPlan) -> str:
        folding, stream = self.chosen[plan.name], self.take(plan.inputs[0])
        if not plan.window_channels:
            stream = self.width(stream, folding.simd, plan.name)
            stream = self.fifo(stream, plan.name) if self.ops else stream
        unit = op_class("matvec")(
            plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type,
            folding.pe, folding.simd, plan.bias, plan.shift, "auto", writable="weights" in self.writable,
        )  # fmt: skip
        return self.add(unit, stream)

    def depthwise(self, plan: DepthwisePlan) -> str:
        unit = op_class("depthwise")(
            plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type,
            self.chosen[plan.name].pe, plan.bias, plan.shift, "auto",
        )  # fmt: skip
        return self.add(unit, self.take(plan.inputs[0]))

    def threshold(self, plan: ThresholdPlan) -> str:
        stream = self.take(plan.inputs[0])
        of = self.streams[stream]
        unit = op_class("threshold")(
            plan.name, plan.shape, of.dtype, plan.thresholds, plan.output_type, of.parallel, plan.start, plan.step,
            "thresholds" in self.writable,
        )  # fmt: skip
        return self.add(unit, stream)

    def pool(self, plan: PoolPlan) -> str:
        stream = self.take(plan.inputs[0])
        of = self.streams[stream]
        return self.add(op_class("maxpool")(plan.name, plan.shape, of.dtype, of.parallel, plan.kernel), stream)

    def sum_pool(self, plan: SumPoolPlan) -> str:
        stream = self.take(plan.inputs[0])
        of = self.streams[stream]
        return self.add(op_class("accpool")(plan.name, plan.shape, of.dtype, of.parallel, plan.kernel), stream)

    def sum(self, plan: AddPlan) -> str:
        streams = [self.take(name) for name in plan.inputs]
        a, b = self._joined(plan.name, streams, plan.shape[-1], prod(plan.shape))
        types = self.streams[a].dtype, self.streams[b].dtype
        unit = op_class("add")(plan.name, plan.shape, *types, self.streams[a].parallel, *plan.gains, 0)
        return self.add(unit, a, b)

    def concat(self, plan: ConcatPlan) -> str:
        streams = [self.take(name) for name in plan.inputs]
        common = gcd(*plan.channels)
        streams = self._joined(plan.name, streams, common, prod(plan.shape) * sum(plan.channels))
        of = self.streams[streams[0]]
        return self.add(op_class("concat")(plan.name, plan.shape, plan.channels, of.dtype, of.parallel), *streams)

    def _joined(self, name: str, streams: list[str], channels: int, elements: int) -> list[str]:
        """Streams of one width, a divisor of `channels`, which meets the target where one does; each out of a FIFO."""
        widths = [d for d in range(1, channels + 1) if channels % d == 0]
        parallel = next((d for d in widths if elements // d <= self.cycles), widths[-1])
        joined = []
        for index, stream in enumerate(streams):
            label = f"{name}_in{index}"
            joined.append(self.fifo(self.width(stream, parallel, label), label, JOIN_DEPTH, needed=True))
        return joined

    def build(self, name: str, source: Stream, labels: bool) -> Dataflow:
        self.streams[INPUT] = source
        self.offer(INPUT, INPUT)
        last = ""
        for plan in self.plans:
            last = self.HANDLERS[type(plan)](self, plan)
            self.offer(plan.name, last)
        last = self.width(last, 1, "scores")
        of = self.streams[last]
        if labels:
            self.add(op_class("argmax")("label", of.elements, of.dtype, True), last)
        dataflow = Dataflow(name, tuple(self.ops), self.sources)
        joins = any(len(inputs_of(op)) > 1 for op in self.ops)
        return with_branch_depths(dataflow) if joins else dataflow

    HANDLERS: Mapping[type, Callable] = {
        PadPlan: pad,
        WindowPlan: window,
        MatVecPlan: matvec,
        DepthwisePlan: depthwise,
        ThresholdPlan: threshold,
        PoolPlan: pool,
        SumPoolPlan: sum_pool,
        AddPlan: sum,
        ConcatPlan: concat,
    }


def assemble(
    name: str,
    plans: list[Plan],
    source: Stream,
    chosen: Mapping[str, _Folding],
    cycles: int,
    fifo_depth: int,
    labels: bool,
    writable: Collection[str],
) -> Dataflow:
    """`source`: the network's input; `chosen`: PE and SIMD of every unit by name; `cycles`: what a frame may take;
    `labels`: an argmax at the end; `writable`: whether "thresholds", "weights" can be rewritten."""
    return _Assembler(plans, chosen, cycles, fifo_depth, writable).build(name, source, labels)
