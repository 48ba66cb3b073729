"""No circuit of a small network, all of them tried, beats what the search gives; what it proves is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.compile.folding.fold import PRICES
from flows.compile.folding.limits import limits
from flows.compile.folding.program import price
from flows.compile.folding.search import Problem, Search, fits
from hw.op import Resources
from tests.flows.compile.folding.networks import INT4, Network, circuit, every_folding

CHAINS: dict[str, Callable[[], Network]] = {
    "dense": lambda: Network((1, 1, 2), weight_type=INT4).dense(2).act().dense(1),
    "conv": lambda: Network((2, 2, 2)).conv(2).act().dense(2),
    "padded": lambda: Network((2, 2, 2)).pad().conv(2).act().pool().pointwise(1),
    "depthwise": lambda: Network((2, 2, 2)).depthwise().act().dense(2),
    "first activation": lambda: Network((1, 2, 3)).act().pointwise(2).act().pointwise(2),
}
GRAPHS: dict[str, Callable[[], Network]] = {
    "residual": lambda: Network((2, 2, 2)).act().pad().conv(2, 3).act().add("act0").act(),
    "concatenation": lambda: Network((2, 2, 2)).act().pointwise(2).act().concat("act0", 2).pointwise(1),
}


def search(network: Network, budget: Resources | None = None) -> Search:
    return Search(Problem("net", network.plans, network.source, 2, False, PRICES, budget))


@pytest.fixture(scope="module")
def circuits() -> dict[str, list[tuple[int, Resources]]]:
    """Cycles and resources of every circuit of every network, without those that another one beats in both."""
    found = {}
    for name, make in (CHAINS | GRAPHS).items():
        network = make()
        every = {}
        for foldings in every_folding(network.plans):
            dataflow = circuit(network, foldings)
            every[dataflow.cycles_per_frame_bound, astuple(dataflow.resources())] = None
        found[name] = [(cycles, Resources(*cost)) for cycles, cost in every]
    return found


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_brute_force_finds_nothing_smaller_or_faster(circuits: dict, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CHAINS | GRAPHS)))
    every, network = circuits[name], (CHAINS | GRAPHS)[name]()
    chosen = data.draw(st.sampled_from(every))[1]
    budget = Resources(
        *(value + data.draw(st.integers(-40, 40)) for value in astuple(chosen)[:2]), *astuple(chosen)[2:]
    )
    within = [(cycles, price(cost, PRICES)) for cycles, cost in every if fits(cost, budget)]
    found = search(network, budget)

    best = found.fastest()
    if best is not None:
        assert fits(best.cost, budget) and best.cost == best.dataflow.resources()
        assert circuit(network, dict(best.foldings)).resources() == best.cost
        why = limits(found, best)
        assert not why.proved or best.cycles == min(within)[0]
    if name in CHAINS:
        assert (best is None) == (not within)
        if best is not None:
            assert limits(found, best).proved and best.proved
            assert (best.cycles, best.price) == min(within)

    target = data.draw(st.sampled_from(sorted({cycles for cycles, _ in every})))
    smallest = found.smallest(target)
    reached = [cost for cycles, cost in within if cycles <= target]
    if smallest is not None:
        assert smallest.cycles <= target and fits(smallest.cost, budget)
        assert smallest.least <= min(reached) <= smallest.price
    if name in CHAINS:
        assert (smallest is None) == (not reached)
        assert smallest is None or smallest.price == min(reached)


@pytest.mark.parametrize("name", sorted(CHAINS | GRAPHS))
def test_the_candidates_hold_every_speed(circuits: dict, name: str) -> None:
    found = search((CHAINS | GRAPHS)[name]())
    assert {cycles for cycles, _ in circuits[name]} <= set(found.candidates)
    assert found.candidates[0] == min(cycles for cycles, _ in circuits[name])


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_where_branches_meet_the_bound_holds_and_is_near(circuits: dict, name: str) -> None:
    found = search(GRAPHS[name]())
    for cycles in found.candidates:
        solution = found.smallest(cycles)
        best = min(price(cost, PRICES) for there, cost in circuits[name] if there <= cycles)
        assert solution.least <= best <= solution.price <= 1.05 * best
