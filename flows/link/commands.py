"""`holdfast board`: a board on a serial port, or its simulated pins, asked, verified and attacked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.errors import FlowError
from flows.one_line import one_line

if TYPE_CHECKING:
    from flows.link.run_directory import RunDirectory
    from flows.targets.serial_target import SerialTarget

WIDTH = 120  # of tables, where no terminal says

board_app = typer.Typer(help="A board on a serial port, or its simulated pins.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="A run directory, compiled at least.")]
Target = Annotated[str | None, typer.Option("--target", metavar="serial:PORT[@BAUD]", help="The board.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="Simulate the run's board instead.")]
Noise = Annotated[float, typer.Option(help="Share of bytes that a simulated line loses or changes, either way.")]
Seed = Annotated[int, typer.Option(help="Of the noise and of the attack.")]
Timeout = Annotated[float, typer.Option(help="Seconds of silence after which requests are repeated.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error was raised.")]


@board_app.command("sim")
def sim(
    run: Run,
    noise: Noise = 0.0,
    seed: Seed = 1,
    clocks_per_bit: Annotated[int, typer.Option(help="Clock cycles per bit of the simulated UART.")] = 4,
    debug: Debug = False,
) -> None:
    """Simulate a run's whole board at a pseudo-terminal until interrupted; prints its address."""
    from flows.link.run_directory import RunDirectory
    from flows.simulate.board import LinkTiming

    with one_line(debug):
        timing = LinkTiming(clocks_per_bit=clocks_per_bit)
        with Console(stderr=True).status("building the board"):
            board = RunDirectory(run).simulate(timing=timing, noise=noise, seed=seed)
        with board:
            typer.echo(f"serial:{board.port}")
            board.wait()


@board_app.command("hello")
def hello(address: Annotated[str, typer.Argument(metavar="serial:PORT[@BAUD]")], debug: Debug = False) -> None:
    """Ask a board who it is and what it has counted."""
    from flows.link.driver import BoardLink
    from flows.targets.serial_target import parse_address

    with one_line(debug):
        port, baud = parse_address(address)
        with BoardLink(port, baud=baud) as link:
            board = link.identity
            typer.echo(f"network {board.name} {board.network_id:016x}, build {board.build_id:016x}")
            typer.echo(f"{board.input} to {board.output}, {board.window} requests at once")
            for name, count in asdict(link.counters()).items():
                typer.echo(f"{name.replace('_', ' ')}: {count}")


@board_app.command("verify")
def verify(
    run: Run,
    target: Target = None,
    simulate: Simulate = False,
    images: Annotated[int, typer.Option(help="Images for the board, half of them adversarial; 0: all.")] = 0,
    noise: Noise = 0.0,
    seed: Seed = 1,
    timeout: Timeout = 1.0,
    debug: Debug = False,
) -> None:
    """Climb the exactness ladder up to the board; the record is RUN/board/verify.json."""
    from flows.stages.files import write_json
    from flows.stages.verify import gather, require_equal
    from flows.verify.board_rung import BoardRung
    from flows.verify.ladder import verify as climb
    from flows.verify.table import ladder_table

    with one_line(debug), _open(run, target, simulate, noise, seed, timeout) as (directory, board):
        status = Console(stderr=True).status("verifying")
        with status, directory.writing("verify.json") as path:
            work = directory.path / "board" / "hunt"
            record = climb(
                gather(directory.file), directory.config.verify, work, status.update, BoardRung(board, images)
            )
            write_json(path, record | {"link": _link_record(board)})
        console = Console() if Console().is_terminal else Console(width=WIDTH)
        console.print(ladder_table(record))
        _say_link(board)
        require_equal(record, directory.path / "board" / "verify.json")


@board_app.command("attack")
def attack(
    run: Run,
    target: Target = None,
    simulate: Simulate = False,
    images: Annotated[int, typer.Option(help="Images to attack by Square.")] = 16,
    queries: Annotated[int, typer.Option(help="At most, for each image.")] = 200,
    noise: Noise = 0.0,
    seed: Seed = 1,
    timeout: Timeout = 1.0,
    debug: Debug = False,
) -> None:
    """Attack the circuit on the board and replay the twin's adversarial images; recorded in RUN/board/attack.json."""
    from flows.attack.hardware import attack_circuit
    from flows.stages.files import read_arrays, write_json
    from flows.targets.onnx_target import OnnxTarget

    with one_line(debug), _open(run, target, simulate, noise, seed, timeout) as (directory, board):
        x, y = read_arrays(directory.file("data", "test.npz"), "x", "y")
        names = ("images", "labels", "originals")
        arrays = read_arrays(directory.file("attack", "adversarial.npz"), *names)
        status = Console(stderr=True).status("attacking")
        with status, directory.writing("attack.json") as path:
            record, _ = attack_circuit(
                board,
                OnnxTarget(directory.dataflow),
                dict(zip(names, arrays, strict=True)),
                x,
                y,
                epsilon=directory.config.attack.epsilon,
                images=images,
                queries=queries,
                seed=seed,
                progress=lambda done, text: status.update(text),
            )
            write_json(path, record | {"link": _link_record(board)})
        replay = record["replay"]
        typer.echo(
            f"{record['queries']:,} queries at {record['queries_per_second']:.0f} a second: accuracy "
            f"{100 * record['clean_accuracy']:.1f} % clean, {100 * record['accuracy']:.1f} % under {record['attack']}; "
            f"replay: {replay['same_scores']} of {replay['images']} with the twin's scores"
        )
        _say_link(board)


@contextmanager
def _open(
    run: Path, target: str | None, simulate: bool, noise: float, seed: int, timeout: float
) -> Iterator[tuple[RunDirectory, SerialTarget]]:
    from flows.link.driver import LinkOptions
    from flows.link.run_directory import RunDirectory
    from flows.simulate.board import LinkTiming
    from flows.targets.serial_target import SerialTarget

    if simulate == bool(target) or (noise and not simulate):
        raise FlowError("expected --target serial:PORT, or --simulate with or without --noise; give one of them")
    directory, options = RunDirectory(run), LinkOptions(timeout_s=timeout)
    if target:
        with SerialTarget(target, directory.dataflow, options=options) as board:
            yield directory, board
        return
    with Console(stderr=True).status("building the board"):
        simulated = directory.simulate(timing=LinkTiming(), noise=noise, seed=seed)
    with simulated, SerialTarget(f"serial:{simulated.port}", directory.dataflow, options=options) as board:
        yield directory, board


def _link_record(board: SerialTarget) -> dict[str, object]:
    identity = board.link.identity
    return {
        "network_id": f"{identity.network_id:016x}",
        "build_id": f"{identity.build_id:016x}",
        "host": asdict(board.link.statistics),
        "board": asdict(board.link.counters()),
    }


def _say_link(board: SerialTarget) -> None:
    line = board.link.statistics
    typer.echo(
        f"line: {line.sent} requests sent, {line.repeated} of them repeated, {line.timeouts} timeouts, "
        f"{line.refused} refused, {line.discarded} bytes discarded"
    )
