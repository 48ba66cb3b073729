"""The table of networks: the search for the fastest folding that fits, and the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.networks.fit import SLOWEST, Unfolded, estimated, short
from benchmarks.networks.page import tables
from flows.compile.plan import MatVecPlan
from hw.boards import board
from hw.inttype import IntType
from hw.stream import Stream

BOARD = board.load("ulx3s_85f")
PIXELS = 64
"""Of the network below; one a cycle is the fastest that a circuit takes."""


@pytest.fixture(scope="module")
def network() -> Unfolded:
    """Two fully connected layers of 96 x 64 and 8 x 96."""
    random, weight, code = np.random.default_rng(0), IntType.parse("INT2"), IntType.parse("UINT4")
    plans: list[MatVecPlan] = []
    for name, source, rows, columns in (("fc0", "input", 96, 64), ("fc1", "fc0", 8, 96)):
        taken = IntType.holding(*_range(plans[0])) if plans else code
        weights, bias = random.integers(-1, 2, (rows, columns)), np.zeros(rows, dtype=np.int64)
        plans.append(MatVecPlan(name, (source,), (), weights, weight, taken, bias, 0, 0))
    return Unfolded(plans, Stream((64,), code, 1), labels=True)


def _range(plan: MatVecPlan) -> tuple[int, int]:
    ends = np.stack([plan.weights * plan.input_type.min, plan.weights * plan.input_type.max])
    return int(ends.min(axis=0).sum(axis=1).min()), int(ends.max(axis=0).sum(axis=1).max())


def test_a_large_board_takes_a_pixel_a_cycle(network: Unfolded) -> None:
    record = estimated(network, BOARD)
    assert not record["short"] and record["cycles_per_frame_bound"] == PIXELS
    assert record["frames_per_second"] == round(50e6 / PIXELS, 1)


def test_a_smaller_board_gets_a_slower_circuit(network: Unfolded) -> None:
    smallest = network.folded(SLOWEST, BOARD).dataflow
    least, most = smallest.resources().lut4, estimated(network, BOARD)["estimate"]["lut4"]
    board = replace(BOARD, lut4=int((least + most) / 2 / SLOWEST.max_utilization))
    record = estimated(network, board)
    assert not record["short"] and least <= record["estimate"]["lut4"] <= (least + most) / 2
    assert PIXELS < record["cycles_per_frame_bound"] < smallest.cycles_per_frame_bound


def test_what_is_short(network: Unfolded) -> None:
    dataflow = network.folded(SLOWEST, BOARD).dataflow
    used = dataflow.resources().lut4
    assert short(dataflow, BOARD) == []
    assert short(dataflow, replace(BOARD, lut4=used)) == [f"{used:,} lut4 of {used:,}"]


def test_a_network_that_fits_nowhere(network: Unfolded) -> None:
    record = estimated(network, replace(BOARD, lut4=100))
    assert record["short"] and "frames_per_second" not in record


def test_page(network: Unfolded) -> None:
    rung = {"rung": "rtl", "images": 5, "mismatches": 0, "excused_images": 0}
    seen = {
        "title": "Two layers", "weights": network.weights, "weights_from": "random", "placed": None,
        "multiplications": network.multiplications, "circuit": {"estimate": {"lut4": 900}},
        "ladder": {"rungs": [rung], "cycles_per_frame": 101, "cycles_per_frame_bound": 100},
        "boards": [estimated(network, BOARD), estimated(network, replace(BOARD, lut4=100))],
    }  # fmt: skip
    text = tables({"clock_mhz": 50, "networks": [seen, seen | {"ladder": None}]})
    assert network.weights == 96 * 64 + 8 * 96 == network.multiplications
    assert "| 0 / 5 | 101 (100) |" in text and "| not run |" in text
    assert "frames/s; " in text and "no: " in text and "Nothing yet." in text
