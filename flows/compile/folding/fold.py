"""Folds a network as its configuration asks: for a frame rate, to fill a board, or as a file says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flows.compile.assemble import assemble
from flows.compile.folding.file import read_foldings
from flows.compile.folding.folding import Folding
from flows.compile.folding.limits import Limits, limits
from flows.compile.folding.search import Problem, Search, Solution, fits
from flows.compile.plan import Plan
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.boards.board import Board
from hw.dataflow import Dataflow
from hw.ecp5_memory import LUT4_PER_BLOCK
from hw.op import Resources
from hw.stream import Stream

PRICES = Resources(lut4=1, ff=1, ebr=LUT4_PER_BLOCK, dsp=536)
"""What "small" weighs: the LUT4 that an LFE5U-85F has for each of its flip-flops, block RAMs and multipliers."""


@dataclass(frozen=True)
class Folded:
    """`wanted`: cycles a frame may take, None without a frame rate; `budget`: what the board gives, None without one;
    `solution`, `limits`: None where a file decided."""

    dataflow: Dataflow
    foldings: Mapping[str, Folding]
    wanted: int | None
    budget: Resources | None = None
    solution: Solution | None = None
    limits: Limits | None = None

    @property
    def met(self) -> bool:
        return self.wanted is None or self.dataflow.cycles_per_frame_bound <= self.wanted

    @property
    def fits(self) -> bool:
        return self.budget is None or fits(self.dataflow.resources(), self.budget)


def target_cycles(target_fps: int, clock_mhz: float) -> int:
    """Cycles that a frame may take. Raises FlowError below one cycle."""
    cycles = int(clock_mhz * 1e6 / target_fps)
    if cycles < 1:
        raise FlowError(
            f"compile.target_fps: {target_fps} frames/s at {clock_mhz} MHz leave less than one cycle a frame"
        )
    return cycles


def budget_of(board: Board, share: float) -> Resources:
    """`share` of the LUT4 and flip-flops, because placing and routing need room, and all of what has a fixed place."""
    there = board.available
    return replace(there, lut4=int(there.lut4 * share), ff=int(there.ff * share))


def fold(
    name: str, plans: list[Plan], source: Stream, config: CompileConfig, *, labels: bool, board: Board | None = None
) -> Folded:
    """`source`: the network's input, one element a beat; `labels`: whether an argmax ends it.

    `config.writable` is taken into account when the folding has been chosen.

    A frame rate that nothing reaches gives the fastest circuit, and one whose circuits do not fit the board the
    smallest of them: see `met` and `fits`. Raises FlowError where a board is to be filled and nothing fits it, and
    whatever `read_foldings` refuses; HardwareError where an operator has no legal folding.
    """
    folded = _fold(name, plans, source, config, labels, board)
    if not config.writable:
        return folded
    what = [numbers.value for numbers in config.writable]
    return replace(folded, dataflow=assemble(name, plans, source, folded.foldings, config.fifo_depth, labels, what))


def _fold(
    name: str, plans: list[Plan], source: Stream, config: CompileConfig, labels: bool, board: Board | None
) -> Folded:
    budget = None if board is None else budget_of(board, config.max_utilization)
    wanted = None if config.fill_board else target_cycles(config.target_fps, config.clock_mhz)
    if config.folding_config_file:
        chosen = read_foldings(Path(config.folding_config_file), plans)
        return Folded(assemble(name, plans, source, chosen, config.fifo_depth, labels), chosen, wanted, budget)
    search = Search(Problem(name, plans, source, config.fifo_depth, labels, PRICES, budget))
    if config.fill_board:
        if budget is None:
            raise FlowError("compile.fill_board: expected a board to fill, got none; name one")
        solution = search.fastest()
        if solution is None:
            raise FlowError(f"{name}: no folding fits {board.name}{_least(search)}; choose a larger board")
    else:
        cycles = max(wanted, search.candidates[0])
        solution = search.smallest(cycles) or _unlimited(search).smallest(cycles)
    return Folded(solution.dataflow, solution.foldings, wanted, budget, solution, limits(search, solution))


def _unlimited(search: Search) -> Search:
    free = copy.copy(search)
    free.problem = replace(search.problem, budget=None)
    return free


def _least(search: Search) -> str:
    needs = search.relaxed(search.candidates[-1], limited=False)
    return f": even the slowest takes about {needs.cost.lut4:,} LUT4 and {needs.cost.ebr:,} block RAMs"
