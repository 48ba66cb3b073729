"""Chooses PE and SIMD for a frame rate at a clock, and builds the folded `hw.Dataflow`.

FINN's meaning of the words: a matrix unit of M rows and K columns folds them by PE (divides M) and SIMD (divides K);
a sliding window emits SIMD channels a beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm, prod

from flows.compile.plan import MatVecPlan, PadPlan, Plan, PoolPlan, ThresholdPlan, WindowPlan
from flows.errors import FlowError
from hw.dataflow import Dataflow, op_class
from hw.inttype import IntType
from hw.op import Op


@dataclass(frozen=True, slots=True)
class Folding:
    """PE and SIMD of one matrix unit and the cycles a frame takes in it (its window included)."""

    pe: int
    simd: int
    cycles: int


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def choose(plan: MatVecPlan, target_cycles: int) -> Folding:
    """The cheapest legal folding that takes at most `target_cycles` a frame, or the fastest there is.

    Cheapest: fewest products a cycle, then fewest PE (accumulators cost more than products). Where a window feeds
    the unit, the window's own beats bound it too.
    """
    rows, columns = plan.weights.shape
    vectors = prod(plan.positions)
    options = []
    for simd in divisors(plan.window_channels or columns):
        for pe in divisors(rows):
            # the window cannot emit the next position before this one's folds are done: the matrix unit's
            # (K/SIMD)*(M/PE) cycles a vector never lie below the window's K/SIMD beats
            options.append(Folding(pe, simd, vectors * (columns // simd) * (rows // pe)))
    legal = [o for o in options if o.cycles <= target_cycles]
    if legal:
        return min(legal, key=lambda o: (o.pe * o.simd, o.pe))
    fastest = min(o.cycles for o in options)
    return min((o for o in options if o.cycles == fastest), key=lambda o: (o.pe * o.simd, o.pe))


def target_cycles(target_fps: int, clock_mhz: float) -> int:
    """Cycles that a frame may take. Raises FlowError below one cycle."""
    cycles = int(clock_mhz * 1e6 / target_fps)
    if cycles < 1:
        raise FlowError(
            f"compile.target_fps: {target_fps} frames/s at {clock_mhz} MHz leave less than one cycle a frame"
        )
    return cycles


class _Builder:
    """Appends operators; puts width converters between different foldings and a FIFO in front of every buffer."""

    def __init__(self, fifo_depth: int) -> None:
        self.ops: list[Op] = []
        self.fifo_depth = fifo_depth

    def add(self, op: Op) -> None:
        self.ops.append(op)

    def width(self, parallel: int, name: str, elements: int, shape: tuple[int, ...], dtype: IntType) -> None:
        """Brings the stream to `parallel` elements a beat, over the least common multiple."""
        have = self.ops[-1].output.parallel if self.ops else 1
        if have == parallel:
            return
        middle = lcm(have, parallel)
        shape = shape if shape[-1] % middle == 0 else (elements,)
        converter = op_class("width_converter")
        for index, (a, b) in enumerate([(have, middle), (middle, parallel)]):
            if a != b:
                self.add(converter(f"{name}_width{index}", shape, dtype, a, b))

    def fifo(self, name: str, beats: int = 0) -> None:
        """At least `beats` deep, unless the configuration asks for no buffers."""
        if self.ops and self.fifo_depth:
            stream, depth = self.ops[-1].output, max(self.fifo_depth, beats)
            self.add(op_class("fifo")(f"{name}_fifo", stream.shape, stream.dtype, stream.parallel, depth))


def fold(name: str, plans: list[Plan], cycles: int, fifo_depth: int) -> tuple[Dataflow, dict[str, Folding]]:
    """The folded dataflow, and the folding of every matrix unit by name.

    Input and output streams carry one element a beat, as the host link does.
    """
    chosen = {plan.name: choose(plan, cycles) for plan in plans if isinstance(plan, MatVecPlan)}
    build = _Builder(fifo_depth)
    for index, plan in enumerate(plans):
        if isinstance(plan, PadPlan):
            parallel = build.ops[-1].output.parallel if build.ops else 1
            # the border stops the stream again and again: a row keeps the unit in front at work meanwhile
            build.fifo(plan.name, plan.shape[1] * plan.shape[2] // parallel)
            build.add(op_class("pad")(plan.name, plan.shape, plan.dtype, parallel, plan.pads, 0))
        elif isinstance(plan, WindowPlan):
            simd = chosen[plans[index + 1].name].simd
            build.width(simd, plan.name, prod(plan.shape), plan.shape, plan.dtype)
            build.fifo(plan.name)
            build.add(op_class("window")(plan.name, plan.shape, plan.dtype, simd, plan.kernel, plan.stride))
        elif isinstance(plan, MatVecPlan):
            folding = chosen[plan.name]
            if not plan.window_channels:
                columns = plan.weights.shape[1]
                shape = (*plan.positions, columns)
                build.width(folding.simd, plan.name, prod(shape), shape, plan.input_type)
                build.fifo(plan.name)
            build.add(
                op_class("matvec")(
                    plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type,
                    folding.pe, folding.simd, plan.bias, plan.shift, "auto",
                )
            )  # fmt: skip
        elif isinstance(plan, ThresholdPlan):
            stream = build.ops[-1].output
            build.add(
                op_class("threshold")(
                    plan.name,
                    stream.shape,
                    stream.dtype,
                    plan.thresholds,
                    plan.output_type,
                    stream.parallel,
                    plan.start,
                )
            )
        elif isinstance(plan, PoolPlan):
            parallel = build.ops[-1].output.parallel if build.ops else 1
            build.add(op_class("maxpool")(plan.name, plan.shape, plan.dtype, parallel, plan.kernel))
    last = build.ops[-1].output
    build.width(1, "scores", last.elements, last.shape, last.dtype)
    build.add(op_class("argmax")("label", last.elements, last.dtype, True))
    return Dataflow(name, tuple(build.ops)), chosen
