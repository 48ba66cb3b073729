"""A configuration decides what is searched for; what limits the result is said."""

from __future__ import annotations

import pytest

from flows.compile.assemble import assemble
from flows.compile.folding import report
from flows.compile.folding.fold import Folded, fold, target_cycles
from flows.compile.folding.folding import Folding
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.boards.board import load
from tests.flows.compile.folding.networks import Network

BOARD = load("ulx3s_85f")


def conv() -> Network:
    return Network((6, 6, 4)).conv(8).act().conv(8).act().dense(10)


def folded(network: Network, board=BOARD, **settings: object) -> Folded:
    config = CompileConfig(**({"target_fps": 1000, "clock_mhz": 25.0, "fifo_depth": 4} | settings))
    return fold("net", network.plans, network.source, config, labels=True, board=board)


def test_a_frame_rate_is_met_and_a_lower_one_is_not_larger() -> None:
    fast, slow = folded(conv(), target_fps=100_000), folded(conv(), target_fps=5_000)
    assert fast.wanted == 250 and fast.dataflow.cycles_per_frame_bound <= 250
    assert slow.met and slow.solution.price < fast.solution.price


def test_a_rate_out_of_reach_gives_the_fastest_and_says_so() -> None:
    found = folded(conv(), target_fps=10_000_000)
    assert not found.met and found.limits.step is None
    text = "\n".join(report.lines(found, 25.0))
    assert "the target of 2 cycles a frame is out of reach" in text
    assert f"no folding of {', '.join(found.limits.fixed)} is" in text


def test_a_full_board_names_the_resource_that_ran_out() -> None:
    found = folded(conv(), fill_board=True, max_utilization=0.02)
    assert found.fits and found.limits.proved
    assert "lut4" in found.limits.step.short or "ff" in found.limits.step.short or found.limits.step.needs
    text = "\n".join(report.lines(found, 25.0))
    assert "nothing faster fits: the next step is" in text and "unfolded further" in text
    larger = folded(conv(), fill_board=True)
    assert larger.dataflow.cycles_per_frame_bound < found.dataflow.cycles_per_frame_bound


def test_a_board_too_small_is_refused_when_it_is_to_be_filled_and_named_otherwise() -> None:
    with pytest.raises(FlowError, match="no folding fits ulx3s_85f: even the slowest takes about"):
        folded(conv(), fill_board=True, max_utilization=0.002)
    found = folded(conv(), max_utilization=0.002)
    assert not found.fits and "it does not fit: too many LUT4" in "\n".join(report.lines(found, 25.0))


def test_a_board_is_needed_to_fill() -> None:
    with pytest.raises(FlowError, match="compile.fill_board: expected a board to fill, got none"):
        folded(conv(), board=None, fill_board=True)


def test_a_target_below_one_cycle_is_refused() -> None:
    with pytest.raises(FlowError, match="leave less than one cycle a frame"):
        target_cycles(30_000_000, 25.0)


@pytest.mark.parametrize(("depth", "fifos"), [(0, []), (2, ["fifo"])])
def test_fifo_depth_zero_means_none(depth: int, fifos: list[str]) -> None:
    network = Network((1, 1, 6)).dense(4)
    ops = assemble("net", network.plans, network.source, {"unit0": Folding(4, 6)}, depth, labels=False).ops
    assert [op.kind for op in ops][:-1] == ["width_converter", *fifos, "matvec"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"fifo_depth": 1}, "compile.fifo_depth: expected 2 or more, got 1"),
        ({"max_utilization": 1.5}, "compile.max_utilization: expected a share above 0 up to 1, got 1.5"),
        ({"fill_board": True, "folding_config_file": "f.json"}, "compile.fill_board: expected no compile.folding"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, text: str) -> None:
    with pytest.raises(FlowError, match=text):
        CompileConfig(**({"target_fps": 1000, "clock_mhz": 25.0, "fifo_depth": 4} | settings))
