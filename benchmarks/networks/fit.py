"""The fastest folding of a network that fits a board, by the operators' estimates."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from flows.compile.folding.fold import Folded, budget_of, fold
from flows.compile.lower import lower
from flows.compile.plan import DepthwisePlan, MatVecPlan, Plan
from flows.compile.read.network import read_network
from flows.config import CompileConfig
from hw.boards.board import Board
from hw.dataflow import Dataflow
from hw.stream import Stream

SLOWEST = CompileConfig(target_fps=1, clock_mhz=50.0, fifo_depth=4)
"""Asks for the smallest circuit. Its clock is that of the estimated frame rates."""
FASTEST = CompileConfig(target_fps=1, clock_mhz=50.0, fifo_depth=4, fill_board=True)


@dataclass(frozen=True)
class Unfolded:
    """A network before PE and SIMD are chosen."""

    plans: list[Plan]
    source: Stream
    labels: bool

    @classmethod
    def read(cls, model: Path) -> Unfolded:
        """`model`: QONNX that takes pixels, as `holdfast compile` leaves it. Raises FlowError as the compiler does."""
        network = read_network(model)
        source = Stream(network.input_shape, network.input_type, 1)
        return cls(lower(network).plans, source, network.scores.ordered)

    @property
    def weights(self) -> int:
        return sum(plan.weights.size for plan in self._units)

    @property
    def multiplications(self) -> int:
        """A frame."""
        return sum(plan.weights.size * prod(plan.positions) for plan in self._units)

    @property
    def _units(self) -> list[MatVecPlan | DepthwisePlan]:
        return [plan for plan in self.plans if isinstance(plan, MatVecPlan | DepthwisePlan)]

    def folded(self, config: CompileConfig, board: Board) -> Folded:
        return fold("network", self.plans, self.source, config, labels=self.labels, board=board)


def short(dataflow: Dataflow, board: Board) -> list[str]:
    """The resources that are too few, in words."""
    needed, there = asdict(dataflow.resources()), asdict(board.available)
    budget = asdict(budget_of(board, FASTEST.max_utilization))
    return [f"{needed[name]:,} {name} of {there[name]:,}" for name in budget if needed[name] > budget[name]]


def estimated(network: Unfolded, board: Board) -> dict[str, object]:
    """A cell of the table. `short`: what even the smallest circuit lacks; else `limited_by`: the slowest operator."""
    smallest = network.folded(SLOWEST, board)
    dataflow = network.folded(FASTEST, board).dataflow if smallest.fits else smallest.dataflow
    record: dict[str, object] = {"board": board.name, "device": board.device}
    record |= {"estimate": asdict(dataflow.resources()), "short": short(dataflow, board)}
    if not smallest.fits:
        return record
    cycles = dataflow.cycles_per_frame_bound
    slowest = max(dataflow.ops, key=lambda op: op.cycles_per_frame)
    return record | {
        "cycles_per_frame_bound": cycles,
        "clock_mhz": FASTEST.clock_mhz,
        "frames_per_second": round(FASTEST.clock_mhz * 1e6 / cycles, 1),
        "limited_by": slowest.name,
    }
