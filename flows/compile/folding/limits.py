"""Why a circuit is no faster: its slowest operators, the next faster step, and what that would need."""

from __future__ import annotations

from dataclasses import dataclass, fields

from flows.compile.folding.search import Search, Solution, fits
from hw.op import Resources

SINGLE = {field.name: Resources(**{field.name: 1}) for field in fields(Resources)}


@dataclass(frozen=True)
class Step:
    """The next number of cycles below a circuit's that operators can take. `units`: whose folding must change, those
    that are too slow for it. `needs`: at the least price; `short`: resource -> the least of it, alone, that any such
    circuit takes, where that is more than the budget; `fits`: whether one is within the budget."""

    cycles: int
    units: tuple[str, ...]
    needs: Resources
    short: dict[str, int]
    fits: bool


@dataclass(frozen=True)
class Limits:
    """`slowest`: the operators that take as long as the whole; `step`: None where nothing is faster at any size,
    and then `fixed` are the units that no folding makes faster; `proved`: nothing faster fits."""

    slowest: tuple[str, ...]
    step: Step | None
    fixed: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        return self.step is None or not self.step.fits


def limits(search: Search, solution: Solution) -> Limits:
    """Of a solution that `search` gave."""
    slowest = tuple(op.name for op in solution.dataflow.ops if op.cycles_per_frame == solution.cycles)
    faster = [cycles for cycles in search.candidates if cycles < solution.cycles]
    if not faster:
        fixed = tuple(search.space.fixed(solution.cycles))
        return Limits(slowest, None, fixed or slowest)
    return Limits(slowest, _step(search, solution, faster[-1]))


def _step(search: Search, solution: Solution, cycles: int) -> Step:
    budget = search.problem.budget
    needs = search.relaxed(cycles, limited=False)
    units = tuple(op.name for op in solution.dataflow.ops if op.cycles_per_frame > cycles)
    if budget is None or fits(needs.cost, budget) or (within := search.relaxed(cycles)) is not None:
        cost = needs.cost if budget is None or fits(needs.cost, budget) else within.cost
        return Step(cycles, units, cost, {}, True)
    least = {name: search.relaxed(cycles, prices=only, limited=False).cost for name, only in SINGLE.items()}
    alone = {name: getattr(cost, name) for name, cost in least.items()}
    short = {name: value for name, value in alone.items() if value > getattr(budget, name)}
    return Step(cycles, units, needs.cost, short, False)
