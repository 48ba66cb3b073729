"""Servers in a thread of the test, with a golden model behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from flows.remote.protocol import VERSION, Welcome
from flows.remote.server import Limits, Server
from flows.targets.onnx_target import OnnxTarget
from hw.identity import identity
from tests.flows.golden.small_dataflow import convolutional

TOKEN = "a token of enough characters"


class Running:
    """A server that listens at `port`; `log`: what it refused."""

    def __init__(self, predict: Callable, welcome: Welcome, token: str | None, limits: Limits, port: int) -> None:
        self.log: list[str] = []
        self._server = Server(predict, welcome, "127.0.0.1", port, token=token, limits=limits, log=self.log.append)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._server.run(self._started, self._stop)

    def _started(self, port: int) -> None:
        self.port = port
        self._ready.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stops it, once."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def golden() -> OnnxTarget:
    return OnnxTarget(convolutional(0))


@pytest.fixture(scope="session")
def welcome() -> Welcome:
    return Welcome(VERSION, "onnxruntime", identity(convolutional(0)), (1, 6, 6), 5, "uint8", 32)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (100, 1, 6, 6), dtype=np.uint8)


@pytest.fixture
def serving(golden: OnnxTarget, welcome: Welcome) -> Iterator[Callable[..., Running]]:
    """Starts servers; all are stopped at the end."""
    started: list[Running] = []

    def start(
        predict: Callable | None = None,
        welcome: Welcome = welcome,
        token: str | None = None,
        port: int = 0,
        **limits: object,
    ) -> Running:
        started.append(Running(predict or golden.predict, welcome, token, Limits(**limits), port))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@contextmanager
def raw(server: Running) -> Iterator:
    """A plain socket to the server, the challenge not yet read."""
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        yield connection
