"""A board verified, updated and attacked: what `holdfast board verify`, `update` and `attack` do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.config import HilConfig
from flows.errors import FlowError
from flows.link.compiled import CompiledModel, FinishedRun, Images, Say
from flows.link.driver import DEFAULT_BAUD
from flows.link.line import LinkOptions
from flows.link.simulated import SimulatedBoard
from flows.simulate.board import LinkTiming
from flows.stages.files import write_json
from flows.targets.serial_target import SerialTarget
from flows.verify.board_rung import BoardRung


@dataclass(frozen=True, slots=True)
class OpenBoard:
    """A board to be asked. `simulated`: None for one on a desk."""

    target: SerialTarget
    simulated: SimulatedBoard | None = None

    def record(self) -> dict[str, object]:
        """Whom it is, and what happened on its line, as host and board saw it."""
        link, line = self.target.link, self.simulated
        board = link.identity
        return {
            "network": board.name,
            "network_id": f"{board.network_id:016x}",
            "build_id": f"{board.build_id:016x}",
            "input_bytes": board.input.elements,
            "simulated": line and {"noise": line.noise, "seed": line.seed, "damaged_bytes": sum(line.damaged)},
            "host": asdict(link.statistics),
            "board": asdict(link.counters()),
        }


#: Of a simulated board, which is slower than its clock.
SIMULATED_TIMEOUT_S = 10.0


def simulate(
    compiled: FinishedRun | CompiledModel, *, timing: LinkTiming, noise: float = 0.0, seed: int = 1
) -> SimulatedBoard:
    """The board with its circuit, simulated; the build is kept in the folder."""
    return SimulatedBoard(
        compiled.dataflow,
        compiled.chosen_board(),
        compiled.folder / "simulated",
        clock_mhz=compiled.clock_mhz,
        timing=timing,
        noise=noise,
        seed=seed,
    )


@contextmanager
def open_board(
    compiled: FinishedRun | CompiledModel,
    address: str | None,
    *,
    noise: float = 0.0,
    seed: int = 1,
    timeout_s: float | None = None,
) -> Iterator[OpenBoard]:
    """The board at `address`, or simulated where there is none. Raises FlowError where it has another bitstream.

    `noise`: share of bytes that the simulated line damages. `timeout_s`: see `LinkOptions`.
    """
    if address is not None:
        if noise:
            raise FlowError(f"expected noise only on a simulated line, got {noise} with {address}; leave one out")
        options = LinkOptions() if timeout_s is None else LinkOptions(timeout_s=timeout_s)
        baud = compiled.board.baud if compiled.board else DEFAULT_BAUD
        build_id = compiled.build_id(False)
        with SerialTarget(address, compiled.dataflow, build_id=build_id, baud=baud, options=options) as target:
            yield OpenBoard(target)
        return
    options = LinkOptions(timeout_s=SIMULATED_TIMEOUT_S if timeout_s is None else timeout_s)
    with simulate(compiled, timing=LinkTiming(), noise=noise, seed=seed) as board:
        address, build_id = f"serial:{board.port}", compiled.build_id(True)
        with SerialTarget(address, compiled.dataflow, build_id=build_id, options=options) as target:
            yield OpenBoard(target, board)


def verify_board(
    compiled: FinishedRun | CompiledModel,
    board: OpenBoard,
    *,
    count: int,
    images: Images,
    sample: int | None,
    say: Say,
) -> tuple[dict[str, object], Path]:
    """The ladder up to the board on `count` images (0: all); the record, and the file that it is in."""
    record = compiled.climb(BoardRung(board.target, count), images, sample, say)
    return _write(compiled, "verify.json", record, board)


def update_board(
    change: dict[str, object],
    new: FinishedRun | CompiledModel,
    board: OpenBoard,
    *,
    count: int,
    images: Images,
    sample: int | None,
    say: Say,
) -> tuple[dict[str, object], Path]:
    """Writes the numbers of `new` into the circuit on `board`, and climbs the ladder of `new` up to it.

    `change`: `flows.update.difference` from the board's network to it. Returns as `verify_board` does; `update` in the
    record says what was written.
    """
    say("writing the new numbers")
    words = board.target.update(new.dataflow)
    record = new.climb(BoardRung(board.target, count), images, sample, say)
    kept = ("from", "to", "writable_words", "operators")
    record["update"] = {"words": words, **{key: change[key] for key in kept}}
    return _write(new, "update.json", record, board)


def attack_board(
    compiled: FinishedRun | CompiledModel,
    board: OpenBoard,
    config: HilConfig,
    *,
    images: Images,
    epsilon: float | None,
    seed: int,
    progress: Callable[[float, str], None],
) -> tuple[dict[str, object], Path]:
    """Attacks through the board, and what was found before replayed on it; the record, and the file that it is in."""
    from flows.attack.hardware import attack_circuit
    from flows.targets.onnx_target import OnnxTarget

    x, y, found, budget = compiled.examples(images, epsilon)
    record, _ = attack_circuit(
        board.target,
        OnnxTarget(compiled.dataflow),
        found,
        x,
        y,
        epsilon=budget,
        config=config,
        seed=seed,
        progress=progress,
    )
    return _write(compiled, "attack.json", record, board)


def _write(
    compiled: FinishedRun | CompiledModel, name: str, record: dict[str, object], board: OpenBoard
) -> tuple[dict[str, object], Path]:
    record["link"] = board.record()
    path = compiled.folder / name
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{name}.partial")
    write_json(partial, record)
    os.replace(partial, path)
    return record, path
