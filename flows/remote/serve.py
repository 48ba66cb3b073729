"""`holdfast serve RUN`: a run's circuit or golden model behind the server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import environment
from flows.errors import FlowError, nearest
from flows.link.driver import PREFIX
from flows.remote.protocol import VERSION, Welcome
from flows.remote.server import Limits, Server
from flows.stages.files import read_arrays
from flows.targets.target import Target
from hw.dataflow import Dataflow
from hw.identity import identity

ENGINES = ("rtl", "onnxruntime")
MAX_IMAGES = 256
REQUEST_BYTES = 1 << 20  # of images or scores in one request, so that all connections together stay small


@contextmanager
def open_engine(run: Path, engine: str, dataflow: Dataflow) -> Iterator[Target]:
    """The run's target `rtl` or `onnxruntime`, or a board with its circuit at `serial:PORT`. Raises FlowError."""
    if engine.startswith(PREFIX):
        from flows.targets.serial_target import SerialTarget

        with SerialTarget(engine, dataflow) as target:
            yield target
        return
    if engine not in ENGINES:
        raise FlowError(f"--target: unknown target {engine!r}{nearest(engine, [*ENGINES, PREFIX])}")
    if engine == "rtl":
        from flows.targets.rtl_target import RtlTarget

        with RtlTarget(dataflow, run / "circuit" / "library.so") as target:
            yield target
        return
    from flows.targets.onnx_target import OnnxTarget

    yield OnnxTarget(dataflow, threads=environment.threads())


def describe(run: Path, engine: str, dataflow: Dataflow, target: Target) -> Welcome:
    """What the server tells its clients; asks the target for one image to learn its classes. Raises FlowError."""
    (images,) = read_arrays(run / "data" / "test.npz", "x")
    classes = target.predict(images[:1]).shape[1]
    fits = max(1, REQUEST_BYTES // max(images[0].size, 8 * classes))
    shape = tuple(map(int, images.shape[1:]))
    return Welcome(VERSION, engine, identity(dataflow), shape, classes, "uint8", min(MAX_IMAGES, fits))


def serve(
    run: Path,
    engine: str,
    host: str,
    port: int,
    token: str | None,
    limits: Limits,
    say: Callable[[str], None],
) -> None:
    """Serves until SIGINT or SIGTERM. `say`: gets a line when it listens and one for each refusal. Raises FlowError."""
    dataflow = Dataflow.load(run / "compile")
    with open_engine(run, engine, dataflow) as target:
        welcome = describe(run, engine, dataflow, target)
        server = Server(target.predict, welcome, host, port, token=token, limits=limits, log=say)
        asyncio.run(_until_signal(server, lambda bound: say(_greeting(welcome, run, host, bound, token))))


def _greeting(welcome: Welcome, run: Path, host: str, port: int, token: str | None) -> str:
    guard = "with a token" if token else "without a token"
    return f"serving {welcome.target} of {run}, network {welcome.network[:12]}, at {host}:{port} {guard}"


async def _until_signal(server: Server, started: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.run(started, stop)
