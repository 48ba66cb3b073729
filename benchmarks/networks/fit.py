"""The fastest folding of a network that fits a board, by the operators' estimates."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from flows.compile.folding.fold import Folded, fold
from flows.compile.lower import lower
from flows.compile.plan import DepthwisePlan, MatVecPlan, Plan
from flows.compile.read.network import read_network
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.boards.board import Board
from hw.dataflow import Dataflow
from hw.op import Resources
from hw.stream import Stream

SHARE = 0.8
"""Of a board's LUT4 and flip-flops that the estimate may take: room for the host link, for its error and to route."""
CLOCK_MHZ = 50.0
"""Of the estimated frame rates."""
FIFO_DEPTH = 4


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

    def folded(self, board: Board, *, fill_board: bool) -> Folded:
        """The fastest circuit that fits, or the smallest that gives a frame a second."""
        config = CompileConfig(1, CLOCK_MHZ, FIFO_DEPTH, fill_board=fill_board, max_utilization=SHARE)
        return fold("network", self.plans, self.source, config, labels=self.labels, board=board)


def short(needed: Resources, board: Board) -> list[str]:
    """The resources that are too few, in words."""
    there = asdict(board.available)
    limits = {name: int(SHARE * count) if name in ("lut4", "ff") else count for name, count in there.items()}
    used = asdict(needed)
    return [f"{used[name]:,} {name} of {there[name]:,}" for name in limits if used[name] > limits[name]]


def fastest(network: Unfolded, board: Board) -> tuple[Dataflow, list[str]]:
    """The fastest dataflow that fits, and nothing; or the smallest, and why even that one does not fit."""
    try:
        return network.folded(board, fill_board=True).dataflow, []
    except FlowError:
        smallest = network.folded(board, fill_board=False).dataflow
        return smallest, short(smallest.resources(), board)


def estimated(network: Unfolded, board: Board) -> dict[str, object]:
    """A cell of the table. `limited_by`: the slowest operator."""
    dataflow, missing = fastest(network, board)
    cycles = dataflow.cycles_per_frame_bound
    record = {"board": board.name, "device": board.device, "estimate": asdict(dataflow.resources()), "short": missing}
    if missing:
        return record
    slowest = max(dataflow.ops, key=lambda op: op.cycles_per_frame)
    return record | {
        "cycles_per_frame_bound": cycles,
        "clock_mhz": CLOCK_MHZ,
        "frames_per_second": round(CLOCK_MHZ * 1e6 / cycles, 1),
        "limited_by": slowest.name,
    }
