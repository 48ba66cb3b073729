"""Faults of one, planted in a circuit: each is caught, and the operator that has it is named."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.branch_depths import with_branch_depths
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from tests.fuzz import faults
from tests.fuzz.operators import on_thresholds
from tests.hw.ops.conftest import random_codes
from tests.hw.small_graph import residual_with_fifos

INT9 = IntType(9, True)


@pytest.mark.sim
def test_every_threshold_that_is_off_by_one_is_caught(tmp_path: Path) -> None:
    """One build; each of the 18 tables with one wrong entry is a memory file of its own."""
    table = np.array([[-40, -3, 90], [-256, 0, 255], [5, 8, 11]])
    right = Dataflow("one", (Threshold("act0", (3,), INT9, table, IntType(2, False), 1),))
    codes = on_thresholds(right.ops[0])
    golden, seen = right.golden(codes), 0
    for channel, index in np.ndindex(table.shape):
        for by in (-1, 1):
            wrong = faults.planted(right, "act0", partial(faults.threshold, channel=channel, index=index, by=by))
            with Simulator(wrong, build(wrong, tmp_path)) as simulator:
                places = np.argwhere(simulator.run(codes).outputs != golden)
            if (table[channel, index], by) == (-256, -1):
                assert not len(places), "no code lies below the type: nothing to catch"
                continue
            assert len(places) and set(places[:, 1]) == {channel}, (channel, index, by)
            seen += 1
    assert seen == 17


@pytest.mark.sim
def test_every_weight_that_is_off_by_one_is_caught(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).integers(-6, 7, (4, 6))
    bias = np.array([3000, -3000, 0, 7])  # decides the type of the sums, so that a fault does not change it
    right = Dataflow("one", (MatVec("fc0", (), weights, IntType(4, True), IntType(3, False), 2, 3, bias),))
    codes = random_codes(right.input, 8, 1)
    golden = right.golden(codes)
    for place in np.ndindex(weights.shape):
        wrong = faults.planted(right, "fc0", partial(faults.weight, place=place, by=1))
        with Simulator(wrong, build(wrong, tmp_path)) as simulator:
            places = np.argwhere(simulator.run(codes).outputs != golden)
        assert len(places) and set(places[:, 1]) == {place[0]}, place


def network() -> Dataflow:
    return with_branch_depths(residual_with_fifos(3))


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threshold", "weight", "padding", "border"])
def test_a_fault_inside_a_network_is_named(kind: str, tmp_path: Path) -> None:
    right, codes = network(), random_codes(network().input, 24, 2)
    inside = dict(right.values(codes))
    name, fault = {
        "weight": ("conv0", None),
        "padding": ("pad0", faults.padding),
        "border": ("pad0", faults.border),
    }.get(kind, ("act0", None))
    if kind == "threshold":  # one that a sum of these images sits on
        table = next(op for op in right.ops if op.name == name).thresholds
        channel, index = next(
            (c, t) for c, t in np.ndindex(table.shape) if np.any(inside["sum0"][..., c] == table[c, t])
        )
        fault = partial(faults.threshold, channel=channel, index=index, by=1)
    if kind == "weight":
        weights = next(op for op in right.ops if op.name == name).weights
        fault = partial(faults.weight, place=tuple(np.argwhere(np.abs(weights) < 7)[0]), by=1)
    assert faults.caught(right, faults.planted(right, name, fault), codes, tmp_path) == name


@pytest.mark.sim
def test_a_fifo_that_is_too_shallow_stops_the_circuit_and_is_named(tmp_path: Path) -> None:
    right, codes = network(), random_codes(network().input, 4, 2)
    wrong = faults.planted(right, "skip", faults.depth)
    with Simulator(right, build(right, tmp_path / "right")) as simulator:
        np.testing.assert_array_equal(simulator.run(codes).outputs, right.golden(codes))
    with Simulator(wrong, build(wrong, tmp_path / "wrong")) as simulator, pytest.raises(FlowError) as stopped:
        simulator.run(codes)
    assert "no beat moved" in str(stopped.value) and "sum0 waits for conv0_fifo" in str(stopped.value)
    assert "a fifo in front of it is too shallow" in str(stopped.value)
