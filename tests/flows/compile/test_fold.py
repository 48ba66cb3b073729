"""Folding is legal, meets the target when it can, and is the cheapest that does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.compile.fold import choose, divisors, fold, target_cycles
from flows.compile.plan import MatVecPlan
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.inttype import IntType
from hw.stream import Stream


def plan(rows: int, columns: int, vectors: int, channels: int = 0) -> MatVecPlan:
    weights = np.ones((rows, columns), dtype=np.int64)
    bias = np.zeros(rows, dtype=np.int64)
    return MatVecPlan("unit", ("input",), (vectors, 1), weights, IntType(4, True), IntType(2, False), bias, 0, channels)


@given(st.integers(1, 48), st.integers(1, 48), st.integers(1, 20), st.integers(1, 50_000))
def test_a_folding_divides_and_is_the_cheapest(rows: int, columns: int, vectors: int, target: int) -> None:
    found = choose(plan(rows, columns, vectors), target)
    assert rows % found.pe == 0 and columns % found.simd == 0
    assert found.cycles == vectors * (columns // found.simd) * (rows // found.pe)
    every = [(vectors * (columns // s) * (rows // p), p * s) for s in divisors(columns) for p in divisors(rows)]
    reachable = [cost for cycles, cost in every if cycles <= target]
    if reachable:
        assert found.cycles <= target and found.pe * found.simd == min(reachable)
    else:
        assert found.cycles == min(cycles for cycles, _ in every)


def test_simd_of_a_convolution_divides_its_channels() -> None:
    assert choose(plan(16, 9 * 6, 10, channels=6), 1).simd == 6


def test_a_target_below_one_cycle_is_refused() -> None:
    with pytest.raises(FlowError, match="leave less than one cycle a frame"):
        target_cycles(30_000_000, 25.0)


@pytest.mark.parametrize(("depth", "fifos"), [(0, []), (2, ["fifo"])])
def test_fifo_depth_zero_means_none(depth: int, fifos: list[str]) -> None:
    source = Stream((1, 1, 6), IntType(2, False), 1)
    kinds = ["width_converter", *fifos, "matvec"]
    dataflow, _ = fold("net", [plan(4, 6, 1)], source, 1, CompileConfig(1000, 25.0, depth).fifo_depth, labels=True)
    assert [op.kind for op in dataflow.ops][: len(kinds)] == kinds


def test_a_fifo_of_one_beat_is_refused() -> None:
    with pytest.raises(FlowError, match="compile.fifo_depth: expected 2 or more, got 1"):
        CompileConfig(1000, 25.0, 1)
