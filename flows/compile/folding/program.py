"""The best options of all decisions together: an integer program, solved to proven optimality by HiGHS.

One binary variable per option, one per decision is chosen. A link's cost depends on the options at both of its ends:
one continuous variable per pair of widths, whose sums must equal the choice at either end, so that it is 0 or 1 too.
Every cost is a whole number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from flows.compile.folding.choices import Cost, Space
from flows.compile.folding.options import Option
from flows.errors import FlowError
from hw.op import Resources

INFEASIBLE = 2  # of scipy's statuses
NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Selection:
    """`options`: by decision; `cost`, `cycles`: of the whole circuit."""

    options: Mapping[str, Option]
    cost: Resources
    cycles: int


def price(cost: Resources, prices: Resources) -> int:
    return sum(a * b for a, b in zip(astuple(cost), astuple(prices), strict=True))


def solve(
    space: Space,
    prices: Resources,
    *,
    cycles: int,
    budget: Resources | None = None,
    held: Mapping[str, int] = NOTHING,
) -> Selection | None:
    """The selection of the least price that takes at most `cycles` a frame and stays within `budget`, or None where
    there is none. `held`: elements that each join's FIFO must hold, by its name."""
    program = _Program(space, cycles, held)
    if program.hopeless:
        return None
    weights = np.array(astuple(prices), dtype=float)
    constraints = [program.consistent()]
    if budget is not None:
        constraints.append(LinearConstraint(csr_array(program.costs.T), -np.inf, np.array(astuple(budget), float)))
    result = milp(
        program.costs @ weights,
        integrality=program.integrality,
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"mip_rel_gap": 0.0},
    )
    if result.status == INFEASIBLE:
        return None
    if not result.success:
        raise FlowError(f"the folding solver stopped without an answer: {result.message}; please report it")
    return program.selection(result.x)


class _Program:
    """Columns: the options and the pairs that are fast enough, in order. `costs`: (columns, 4)."""

    def __init__(self, space: Space, cycles: int, held: Mapping[str, int]) -> None:
        self.space = space
        self.options = [
            (name, option) for name, found in space.decisions.items() for option in found if option.cycles <= cycles
        ]
        self.pairs: list[tuple[int, int, int, Cost]] = []
        for index, link in enumerate(space.links):
            for (given, taken), cost in link.table.items():
                if cost.cycles <= cycles:
                    self.pairs.append((index, given, taken, cost + Cost(link.fifo(taken, held))))
        self.costs = np.array(
            [astuple(option.cost) for _, option in self.options] + [astuple(cost.resources) for *_, cost in self.pairs],
            dtype=float,
        ).reshape(-1, 4)
        self.integrality = np.array([1] * len(self.options) + [0] * len(self.pairs))
        self.hopeless = {name for name, _ in self.options} != set(space.decisions) or {
            index for index, *_ in self.pairs
        } != set(range(len(space.links)))

    def consistent(self) -> LinearConstraint:
        rows, columns, values, right = [], [], [], []
        for row, (terms, total) in enumerate(self._equations()):
            rows += [row] * len(terms)
            columns += terms
            values += terms.values()
            right.append(total)
        matrix = csr_array((values, (rows, columns)), shape=(len(right), len(self.costs)))
        return LinearConstraint(matrix, right, right)

    def _equations(self) -> Iterator[tuple[dict[int, int], int]]:
        """(column -> factor, sum): one option per decision; per link, side and width, as many pairs as options."""
        for name in self.space.decisions:
            yield {column: 1 for column, (owner, _) in enumerate(self.options) if owner == name}, 1
        for index, link in enumerate(self.space.links):
            pairs = [(len(self.options) + at, p[1], p[2]) for at, p in enumerate(self.pairs) if p[0] == index]
            for side, owner in ((0, link.producer), (1, link.consumer)):
                ends = [(c, o.taken if side else o.given) for c, (n, o) in enumerate(self.options) if n == owner]
                for width in {pair[1 + side] for pair in pairs} | {end for _, end in ends}:
                    terms = {column: 1 for column, *widths in pairs if widths[side] == width}
                    yield terms | {column: -1 for column, end in ends if end == width}, 0

    def selection(self, values: np.ndarray) -> Selection:
        """Reads the solution in whole numbers: the pairs follow from the options."""
        chosen = {name: o for (name, o), value in zip(self.options, values, strict=False) if value > 0.5}
        total = sum((Cost(option.cost, option.cycles) for option in chosen.values()), Cost())
        costs = {pair[:3]: pair[3] for pair in self.pairs}
        for index, link in enumerate(self.space.links):
            total += costs[index, chosen[link.producer].given, chosen[link.consumer].taken]
        return Selection(chosen, total.resources, total.cycles)
