"""`holdfast board`: a board on a serial port, or its simulated pins, asked, verified and attacked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug, table_console
from flows.errors import FlowError

if TYPE_CHECKING:
    from flows.targets.serial_target import SerialTarget

board_app = typer.Typer(help="A board on a serial port, or its simulated pins.", no_args_is_help=True)
app.add_typer(board_app, name="board")

Circuit = Annotated[Path, typer.Argument(metavar="DIR", help="A run, or what compile MODEL.onnx --out made.")]
Address = Annotated[str | None, typer.Option("--target", metavar="serial:PORT[@BAUD]", help="The board.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="Simulate the board instead.")]
BoardName = Annotated[str | None, typer.Option("--board", metavar="NAME", help="Another board than DIR's own.")]
Noise = Annotated[float, typer.Option(help="Share of bytes that a simulated line loses or changes, either way.")]
Seed = Annotated[int, typer.Option(help="Of the noise and of the attacks.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds of silence after which requests are repeated.")]
Sample = Annotated[int | None, typer.Option(min=0, help="Images of the slow executors, of no run.")]
Pixels = Annotated[Path | None, typer.Option("--images", metavar="FILE.npy", help="uint8 (N, C, H, W), of no run.")]
Labels = Annotated[Path | None, typer.Option("--labels", metavar="FILE.npy", help="Their classes (N,), of no run.")]


@board_app.command("list")
def list_boards() -> None:
    """The boards that bitstreams can be made for."""
    from rich.table import Table

    from hw.boards.board import load, names

    table = Table("board", "device", "oscillator", "host link", "load with")
    for board in map(load, names()):
        link, command = f"{board.baud:,} baud", board.programming.format(bitstream=f"{board.name}.bit")
        table.add_row(board.name, board.device, f"{board.oscillator_mhz:g} MHz", link, command)
    table_console().print(table)


@board_app.command("simulate")
def simulate(
    circuit: Circuit,
    board: BoardName = None,
    noise: Noise = 0.0,
    seed: Seed = 1,
    clocks_per_bit: Annotated[int, typer.Option(min=4, help="Clock cycles per bit of the simulated UART.")] = 4,
    debug: Debug = False,
) -> None:
    """Simulate a whole board at a pseudo-terminal until interrupted; prints its address."""
    from flows.link.compiled import open_compiled
    from flows.link.jobs import simulate as start
    from flows.simulate.board import LinkTiming

    with one_line(debug):
        with open_compiled(circuit, board, "compile") as compiled, Console(stderr=True).status("building the board"):
            simulated = start(compiled, timing=LinkTiming(clocks_per_bit=clocks_per_bit), noise=noise, seed=seed)
        with simulated:
            typer.echo(f"serial:{simulated.port}")
            simulated.wait()


@board_app.command("info")
def info(
    address: Annotated[str, typer.Argument(metavar="serial:PORT[@BAUD]")],
    timeout: Timeout = 1.0,
    debug: Debug = False,
) -> None:
    """Ask a board who it is and what it has counted."""
    from flows.link.driver import BoardLink, parse_address
    from flows.link.line import LinkOptions

    with one_line(debug):
        port, baud = parse_address(address)
        with BoardLink(port, baud=baud, options=LinkOptions(timeout_s=timeout)) as link:
            board = link.identity
            typer.echo(f"network {board.name} {board.network_id:016x}, build {board.build_id:016x}")
            typer.echo(f"{board.input} to {board.output}, {board.window} requests at once")
            typer.echo(f"features: {', '.join(feature.name.lower() for feature in board.features) or 'none'}")
            for name, count in asdict(link.counters()).items():
                typer.echo(f"{name.replace('_', ' ')}: {count}")


@board_app.command("verify")
def verify(
    circuit: Circuit,
    target: Address = None,
    simulated: Simulate = False,
    board: BoardName = None,
    count: Annotated[int, typer.Option(min=0, help="Images for the board, half adversarial in a run; 0: all.")] = 0,
    pixels: Pixels = None,
    labels: Labels = None,
    sample: Sample = None,
    noise: Noise = 0.0,
    seed: Seed = 1,
    timeout: Timeout = None,
    debug: Debug = False,
) -> None:
    """Climb the exactness ladder up to the board; the record is DIR/board/verify.json."""
    from flows.link.compiled import Images, open_compiled
    from flows.link.jobs import open_board, verify_board

    with one_line(debug):
        _one_of(target, simulated)
        images = Images(pixels, labels)
        with (
            open_compiled(circuit, board, "attack", "export", "compile", "circuit") as compiled,
            Console(stderr=True).status("opening the board") as status,
            open_board(compiled, target, noise=noise, seed=seed, timeout_s=timeout) as opened,
        ):
            record, path = verify_board(compiled, opened, count=count, images=images, sample=sample, say=status.update)
        _say_ladder(record, opened.target, path)


@board_app.command("update")
def update(
    circuit: Annotated[Path, typer.Argument(metavar="OLD", help="The run or compiled folder of the bitstream.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A run or compiled folder with other numbers.")],
    target: Address = None,
    simulated: Simulate = False,
    board: BoardName = None,
    count: Annotated[int, typer.Option(min=0, help="Images for the board; 0: all.")] = 0,
    pixels: Pixels = None,
    labels: Labels = None,
    sample: Sample = None,
    noise: Noise = 0.0,
    seed: Seed = 1,
    timeout: Timeout = None,
    debug: Debug = False,
) -> None:
    """Write other thresholds or weights into a board's circuit and climb the new network's ladder up to it; the record
    is NEW/board/update.json."""
    from flows.link.compiled import Images, open_compiled
    from flows.link.jobs import open_board, update_board
    from flows.update import difference

    with one_line(debug):
        _one_of(target, simulated)
        images = Images(pixels, labels)
        with (
            open_compiled(circuit, board, "compile") as old,
            open_compiled(new, board, "attack", "export", "compile", "circuit") as compiled,
        ):
            change = difference(old.dataflow, compiled.dataflow)  # before a board is waited for
            with (
                Console(stderr=True).status("opening the board") as status,
                open_board(old, target, noise=noise, seed=seed, timeout_s=timeout) as opened,
            ):
                record, path = update_board(
                    change, compiled, opened, count=count, images=images, sample=sample, say=status.update
                )
        written = f"{record['update']['words']} of {record['update']['writable_words']} writable words written"
        _say_ladder(record, opened.target, path, written)


@board_app.command("attack")
def attack(
    circuit: Circuit,
    target: Address = None,
    simulated: Simulate = False,
    board: BoardName = None,
    attacks: Annotated[
        list[str] | None, typer.Option("--attack", metavar="NAME", help="That needs no gradients [default: square].")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Images to attack.")] = 16,
    queries: Annotated[int, typer.Option(min=3, help="At most, for each image.")] = 200,
    epsilon: Annotated[float | None, typer.Option(help="Pixel units [default: the run's attack.epsilon].")] = None,
    pixels: Pixels = None,
    labels: Labels = None,
    noise: Noise = 0.0,
    seed: Seed = 1,
    timeout: Timeout = None,
    debug: Debug = False,
) -> None:
    """Attack the circuit on the board and replay what a run found before; recorded in DIR/board/attack.json."""
    from flows.config import HilConfig
    from flows.link.compiled import Images, open_compiled
    from flows.link.jobs import attack_board, open_board

    with one_line(debug):
        _one_of(target, simulated)
        images = Images(pixels, labels)
        config = HilConfig(images=count, queries=queries, attacks=tuple(attacks or ("square",)), replay=0)
        with (
            open_compiled(circuit, board, "data", "attack", "compile") as compiled,
            Console(stderr=True).status("opening the board") as status,
            open_board(compiled, target, noise=noise, seed=seed, timeout_s=timeout) as opened,
        ):
            record, path = attack_board(
                compiled,
                opened,
                config,
                images=images,
                epsilon=epsilon,
                seed=seed,
                progress=lambda done, text: status.update(text),
            )
        replay = record["replay"]
        typer.echo(
            f"{record['queries']:,} queries at {record['queries_per_second']:.0f} a second: accuracy "
            f"{100 * record['clean_accuracy']:.1f} % clean, {100 * record['accuracy']:.1f} % under {record['attack']}; "
            f"replay: {replay['same_scores']} of {replay['images']} with the twin's scores"
        )
        _say_link(opened.target)
        typer.echo(f"written: {path}")


def _one_of(target: str | None, simulated: bool) -> None:
    if simulated == bool(target):
        raise FlowError("expected --target serial:PORT or --simulate, got both or neither; give one of them")


def _say_ladder(record: dict, board: SerialTarget, path: Path, *lines: str) -> None:
    """The table, `lines`, what happened on the line, the record's file. Raises FlowError where a rung gave others."""
    from flows.stages.verify import require_equal
    from flows.verify.table import ladder_table

    table_console().print(ladder_table(record))
    for line in lines:
        typer.echo(line)
    _say_link(board)
    typer.echo(f"written: {path}")
    require_equal(record, path)


def _say_link(board: SerialTarget) -> None:
    line = board.link.statistics
    typer.echo(
        f"line: {line.sent} requests sent, {line.repeated} of them repeated, {line.timeouts} timeouts, "
        f"{line.refused} refused, {line.discarded} bytes discarded"
    )
