"""Plans and their foldings -> `hw.Dataflow`: operators, forks, width converters between foldings, FIFOs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import lcm

import numpy as np

from flows.compile.folding.folding import Folding
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


class Assembler:
    """Makes operators of plans, one method per kind of plan, in any order of calls that has producers first.

    `streams`: name -> stream that waits for its consumer; `given`: plan -> names of the copies of its result.
    """

    def __init__(
        self, plans: list[Plan], chosen: Mapping[str, Folding], fifo_depth: int, writable: Collection[str] = ()
    ) -> None:
        self.plans, self.chosen, self.fifo_depth, self.writable = plans, chosen, fifo_depth, writable
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
        row = plan.shape[1] * plan.shape[2] // parallel
        stream = self.fifo(stream, plan.name, row) if stream != INPUT else stream
        return self.add(op_class("pad")(plan.name, plan.shape, plan.dtype, parallel, plan.pads, plan.value), stream)

    def window(self, plan: WindowPlan) -> str:
        folding = self.chosen[self.window_of[plan.name].name]
        simd = folding.pe if plan.depthwise else folding.simd
        stream = self.width(self.take(plan.inputs[0]), simd, plan.name)
        stream = self.fifo(stream, plan.name) if stream != INPUT else stream
        return self.add(
            op_class("window")(
                plan.name, plan.shape, plan.dtype, simd, plan.kernel, plan.stride, plan.dilation, plan.depthwise
            ),
            stream,
        )

    def matvec(self, plan: MatVecPlan) -> str:
        folding, stream = self.chosen[plan.name], self.matvec_input(plan)
        # A folding's memory is that of constants: without blocks, writable weights would be flip-flops.
        writable = "weights" in self.writable
        unit = op_class("matvec")(
            plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type,
            folding.pe, folding.simd, plan.bias, plan.shift, "auto" if writable else folding.memory, folding.products,
            writable,
        )  # fmt: skip
        return self.add(unit, stream)

    def matvec_input(self, plan: MatVecPlan) -> str:
        """The stream with SIMD elements a beat; a window gives it so already."""
        stream = self.take(plan.inputs[0])
        if plan.window_channels:
            return stream
        stream = self.width(stream, self.chosen[plan.name].simd, plan.name)
        return self.fifo(stream, plan.name) if stream != INPUT else stream

    def depthwise(self, plan: DepthwisePlan) -> str:
        folding = self.chosen[plan.name]
        unit = op_class("depthwise")(
            plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type,
            folding.pe, plan.bias, plan.shift, folding.memory,
        )  # fmt: skip
        return self.add(unit, self.take(plan.inputs[0]))

    def threshold(self, plan: ThresholdPlan) -> str:
        stream = self.take(plan.inputs[0])
        of, noise = self.streams[stream], plan.noise
        levels = (plan.name, plan.shape, of.dtype, plan.thresholds, plan.output_type, of.parallel)
        if noise is None:
            writable = "thresholds" in self.writable
            return self.add(op_class("threshold")(*levels, plan.start, plan.step, writable), stream)
        spread = np.array(noise.spread, dtype=np.int64)
        unit = op_class("stochastic_threshold")(*levels, spread, plan.start, plan.step, noise.seed, noise.bits)
        return self.add(unit, stream)

    def pool(self, plan: PoolPlan) -> str:
        stream = self.take(plan.inputs[0])
        of = self.streams[stream]
        pool = op_class("maxpool")(plan.name, plan.shape, of.dtype, of.parallel, plan.kernel, plan.stride)
        return self.add(pool, stream)

    def sum_pool(self, plan: SumPoolPlan) -> str:
        stream = self.take(plan.inputs[0])
        of = self.streams[stream]
        return self.add(op_class("accpool")(plan.name, plan.shape, of.dtype, of.parallel, plan.kernel), stream)

    def sum(self, plan: AddPlan) -> str:
        a, b = self._joined(plan)
        types = self.streams[a].dtype, self.streams[b].dtype
        unit = op_class("add")(plan.name, plan.shape, *types, self.streams[a].parallel, *plan.gains, 0)
        return self.add(unit, a, b)

    def concat(self, plan: ConcatPlan) -> str:
        streams = self._joined(plan)
        of = self.streams[streams[0]]
        return self.add(op_class("concat")(plan.name, plan.shape, plan.channels, of.dtype, of.parallel), *streams)

    def _joined(self, plan: AddPlan | ConcatPlan) -> list[str]:
        return [self.join_input(plan, index) for index in range(len(plan.inputs))]

    def join_input(self, plan: AddPlan | ConcatPlan, index: int) -> str:
        """One of a join's streams, as wide as the join's PE, out of a FIFO."""
        label = f"{plan.name}_in{index}"
        stream = self.width(self.take(plan.inputs[index]), self.chosen[plan.name].pe, label)
        return self.fifo(stream, label, JOIN_DEPTH, needed=True)

    def end(self, stream: str, labels: bool) -> None:
        """One score a beat, and an argmax with `labels`."""
        last = self.width(stream, 1, "scores")
        of = self.streams[last]
        if labels:
            self.add(op_class("argmax")("label", of.elements, of.dtype, True), last)

    def build(self, name: str, source: Stream, labels: bool) -> Dataflow:
        self.streams[INPUT] = source
        self.offer(INPUT, INPUT)
        last = ""
        for plan in self.plans:
            last = self.HANDLERS[type(plan)](self, plan)
            self.offer(plan.name, last)
        self.end(last, labels)
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
    chosen: Mapping[str, Folding],
    fifo_depth: int,
    labels: bool,
    writable: Collection[str] = (),
) -> Dataflow:
    """`source`: the network's input, one element a beat as the host link sends it; `chosen`: a folding for every matrix
    unit, depthwise unit and join by name; `labels`: an argmax at the end; `writable`: whether "thresholds", "weights"
    can be rewritten."""
    return Assembler(plans, chosen, fifo_depth, writable).build(name, source, labels)
