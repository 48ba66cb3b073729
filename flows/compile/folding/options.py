"""The foldings that one unit can have, each with its cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from math import gcd

from flows.compile.folding.folding import Folding
from flows.compile.plan import AddPlan, ConcatPlan, DepthwisePlan, MatVecPlan
from hw.dataflow import op_class
from hw.op import Resources
from hw.stream import Stream

MEMORIES = ("auto", "distributed", "block")
PRODUCTS = ("auto", "lut", "dsp")


@dataclass(frozen=True, slots=True)
class Option:
    """`taken`, `given`: elements a beat of the unit's streams. `cost`, `cycles`: of the unit and what follows it."""

    folding: Folding
    taken: int
    given: int
    cost: Resources
    cycles: int

    def followed_by(self, cost: Resources, cycles: int) -> Option:
        return replace(self, cost=self.cost + cost, cycles=max(self.cycles, cycles))


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def join_widths(plan: AddPlan | ConcatPlan) -> list[int]:
    return divisors(plan.shape[-1] if isinstance(plan, AddPlan) else gcd(*plan.channels))


def options(plan: MatVecPlan | DepthwisePlan) -> tuple[list[Option], Stream]:
    """Every legal folding of the unit, without those that another of the same PE and SIMD beats; its output stream."""
    return _of_matvec(plan) if isinstance(plan, MatVecPlan) else _of_depthwise(plan)


def _of_matvec(plan: MatVecPlan) -> tuple[list[Option], Stream]:
    rows, columns = plan.weights.shape
    unit = op_class("matvec")(
        plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type, 1, 1, plan.bias, plan.shift
    )
    multipliers = min(plan.weight_type.bits, plan.input_type.bits) >= 2
    products = PRODUCTS if multipliers else PRODUCTS[:2]
    estimate, found = unit.estimator(), []
    for pe, simd in product(divisors(rows), divisors(plan.window_channels or columns)):
        cycles = unit.cycles_per_frame // (pe * simd)
        same = (
            Option(Folding(pe, simd, *kind), simd, pe, estimate(pe, simd, *kind), cycles)
            for kind in product(MEMORIES, products)
        )
        found += _unbeaten(same)
    return found, unit.output


def _of_depthwise(plan: DepthwisePlan) -> tuple[list[Option], Stream]:
    found = []
    for pe in divisors(len(plan.weights)):
        same = []
        for memory in MEMORIES:
            unit = op_class("depthwise")(
                plan.name, plan.positions, plan.weights, plan.weight_type, plan.input_type, pe, plan.bias,
                plan.shift, memory,
            )  # fmt: skip
            same.append(Option(Folding(pe, memory=memory), pe, pe, unit.resources(), unit.cycles_per_frame))
        found += _unbeaten(same)
    return found, unit.output


def _unbeaten(same: Iterable[Option]) -> list[Option]:
    """Of options with equal widths, the first of each cost that no other one meets in every resource."""
    kept: list[Option] = []
    for option in same:
        if not any(_no_more(other.cost, option.cost) for other in kept):
            kept = [other for other in kept if not _no_more(option.cost, other.cost)] + [option]
    return kept


def _no_more(a: Resources, b: Resources) -> bool:
    return a.lut4 <= b.lut4 and a.ff <= b.ff and a.ebr <= b.ebr and a.dsp <= b.dsp
