"""The fastest folding of a network that fits a board, by the operators' estimates."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from flows.compile.folding.fold import PRICES, budget_of
from flows.compile.folding.search import Problem, Search
from flows.compile.lower import lower
from flows.compile.plan import DepthwisePlan, MatVecPlan, Plan
from flows.compile.read.network import read_network
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

    def search(self, budget: Resources | None = None) -> Search:
        """Over all legal foldings within `budget`."""
        return Search(Problem("network", self.plans, self.source, FIFO_DEPTH, self.labels, PRICES, budget))


def short(needed: Resources, board: Board) -> list[str]:
    """The resources that are too few, in words."""
    there, limits, used = asdict(board.available), asdict(budget_of(board, SHARE)), asdict(needed)
    return [f"{used[name]:,} {name} of {there[name]:,}" for name in limits if used[name] > limits[name]]


def fastest(network: Unfolded, board: Board) -> tuple[Dataflow, list[str]]:
    """The fastest dataflow that fits, and nothing; or the smallest, and why even that one does not fit."""
    found = network.search(budget_of(board, SHARE)).fastest()
    if found is not None:
        return found.dataflow, []
    free = network.search()
    smallest = free.smallest(free.candidates[-1]).dataflow
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
