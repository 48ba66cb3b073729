"""Chooses PE and SIMD of every unit for a frame rate at a clock.

FINN's meaning of the words: a matrix unit of M rows and K columns folds them by PE (divides M) and SIMD (divides K);
a sliding window emits SIMD channels a beat.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod

from flows.compile.assemble import assemble
from flows.compile.plan import DepthwisePlan, MatVecPlan, Plan
from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.stream import Stream


@dataclass(frozen=True, slots=True)
class Folding:
    """PE and SIMD of one unit and the cycles a frame takes in it (its window included)."""

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
        takes_in = plan.window_elements // simd  # with wide strides, more beats than the unit has folds
        for pe in divisors(rows):
            # the window cannot emit the next position before this one's folds are done: the matrix unit's
            # (K/SIMD)*(M/PE) cycles a vector never lie below the window's K/SIMD beats
            options.append(Folding(pe, simd, max(takes_in, vectors * (columns // simd) * (rows // pe))))
    return _cheapest(options, target_cycles)


def choose_depthwise(plan: DepthwisePlan, target_cycles: int) -> Folding:
    """The same of a depthwise unit, whose PE channels share a beat: it has no SIMD."""
    channels, taps = len(plan.weights), prod(plan.weights.shape[1:])
    options = []
    for pe in divisors(channels):
        cycles = max(plan.window_elements // pe, prod(plan.positions) * taps * (channels // pe))
        options.append(Folding(pe, 1, cycles))
    return _cheapest(options, target_cycles)


def _cheapest(options: list[Folding], target_cycles: int) -> Folding:
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


def fold(
    name: str,
    plans: list[Plan],
    source: Stream,
    cycles: int,
    fifo_depth: int,
    *,
    labels: bool,
    writable: Collection[str] = (),
) -> tuple[Dataflow, dict[str, Folding]]:
    """The folded dataflow, and the folding of every unit by name. `source`: the network's input, one element a beat;
    `labels`: whether an argmax ends it; `writable`: "thresholds", "weights", or both.

    Input and output streams carry one element a beat, as the host link does.
    """
    chosen = {plan.name: choose(plan, cycles) for plan in plans if isinstance(plan, MatVecPlan)}
    chosen |= {plan.name: choose_depthwise(plan, cycles) for plan in plans if isinstance(plan, DepthwisePlan)}
    return assemble(name, plans, source, chosen, cycles, fifo_depth, labels, writable), chosen
