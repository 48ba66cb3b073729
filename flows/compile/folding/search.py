"""The fastest circuit that a budget holds, or the smallest that keeps a frame rate, with what is proved about it.

On a chain the price of a selection is the circuit's, so the least is found and proved. Where branches meet, FIFOs hold
what the shorter branch gives meanwhile, and how much follows from the whole circuit's schedule
(`hw/branch_depths.py`): the selection is then priced with FIFOs as small as can be, which never exceeds the circuit's
price and so bounds it, and searched again with what the last circuit's FIFOs hold until that settles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from flows.compile.assemble import assemble
from flows.compile.folding.choices import Space, space
from flows.compile.folding.folding import Folding
from flows.compile.folding.program import NOTHING, Selection, price, solve
from flows.compile.plan import Plan
from hw.dataflow import Dataflow
from hw.op import Resources
from hw.stream import Stream
from hw.wiring import INPUT

ROUNDS = 4


@dataclass(frozen=True)
class Problem:
    """A network and what its circuit may take. `prices`: of one LUT4, flip-flop, block RAM and multiplier, whole
    numbers; `budget`: None for as much as it needs."""

    name: str
    plans: list[Plan]
    source: Stream
    fifo_depth: int
    labels: bool
    prices: Resources
    budget: Resources | None = None


@dataclass(frozen=True)
class Solution:
    """`cost`: by `Dataflow.resources`, and its `price`; `least`: no circuit as fast as asked for has a lower one."""

    foldings: Mapping[str, Folding]
    dataflow: Dataflow
    cost: Resources
    price: int
    least: int

    @property
    def cycles(self) -> int:
        return self.dataflow.cycles_per_frame_bound

    @property
    def proved(self) -> bool:
        return self.price == self.least


class Search:
    """Answers for one problem; its space is made once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.space: Space = space(problem.plans, problem.source, problem.fifo_depth, labels=problem.labels)
        self.candidates = self._reachable(self.space.cycles())
        self.joins = any(link.fifos for link in self.space.links)

    def _reachable(self, candidates: list[int]) -> list[int]:
        """Those that all operators together can keep; the first is nearly always one."""
        low, high = 0, len(candidates) - 1
        middle = low
        while low < high:
            if solve(self.space, self.problem.prices, cycles=candidates[middle]) is None:
                low = middle + 1
            else:
                high = middle
            middle = (low + high) // 2
        return candidates[low:]

    def relaxed(self, cycles: int, *, prices: Resources | None = None, limited: bool = True) -> Selection | None:
        """The selection of the least price with FIFOs as small as can be: where there is none, no circuit fits."""
        budget = self.problem.budget if limited else None
        return solve(self.space, prices or self.problem.prices, cycles=cycles, budget=budget)

    def smallest(self, cycles: int) -> Solution | None:
        """The circuit of the least price that takes at most so many cycles a frame; None where none was found that
        fits. On a chain there is none then; else `relaxed` tells whether there might be."""
        selection, best = self.relaxed(cycles), None
        least = price(selection.cost, self.problem.prices) if selection else 0
        held: Mapping[str, int] = NOTHING
        for _ in range(ROUNDS if self.joins else 1):
            if selection is None:
                break
            found = self._circuit(selection, least)
            if self._fits(found.cost) and (best is None or found.price < best.price):
                best = found
            if (now := _held(found.dataflow)) == held:
                break
            held = now
            if self.joins:
                problem = self.problem
                selection = solve(self.space, problem.prices, cycles=cycles, budget=problem.budget, held=held)
        return best

    def fastest(self) -> Solution | None:
        """The circuit of the fewest cycles a frame that fits, and of those the one of the least price."""
        low, high = 0, len(self.candidates) - 1
        best = self.smallest(self.candidates[high])
        if best is None:
            return None
        while low < high:
            middle = (low + high) // 2
            if (found := self.smallest(self.candidates[middle])) is not None:
                best, high = found, middle
            else:
                low = middle + 1
        return best

    def _circuit(self, selection: Selection, least: int) -> Solution:
        problem = self.problem
        foldings = {name: option.folding for name, option in selection.options.items() if name != INPUT}
        dataflow = assemble(problem.name, problem.plans, problem.source, foldings, problem.fifo_depth, problem.labels)
        cost = dataflow.resources()
        return Solution(foldings, dataflow, cost, price(cost, problem.prices), least)

    def _fits(self, cost: Resources) -> bool:
        return self.problem.budget is None or fits(cost, self.problem.budget)


def fits(cost: Resources, budget: Resources) -> bool:
    return all(a <= b for a, b in zip(astuple(cost), astuple(budget), strict=True))


def _held(dataflow: Dataflow) -> dict[str, int]:
    """Elements that each FIFO holds, by name."""
    return {op.name: op.depth * op.input.parallel for op in dataflow.ops if op.kind == "fifo"}
