"""Serves one target over TCP. Python 3.10, numpy and the protocol only: the same file runs on a board.

Connections are handled by one asyncio loop; the target belongs to one thread, and its queue holds at most one request
of each connection, so that clients take turns. Nothing that a client sends is taken in before its size is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from flows.errors import FlowError
from flows.remote import protocol
from flows.remote.protocol import ProtocolError, Welcome

Predict = Callable[[np.ndarray], np.ndarray]
MIN_TOKEN = 16
LINGER = 1.0  # seconds for a refused client to read why


@dataclass(frozen=True)
class Limits:
    """`connections`: at a time. Seconds: `hello` for the whole greeting, `frame` for a frame once it has begun and for
    a client to take its answer, `idle` between two requests, `wait` between two signs of life of a long answer."""

    connections: int = 64
    hello: float = 10.0
    frame: float = 30.0
    idle: float = 600.0
    wait: float = 5.0

    def __post_init__(self) -> None:
        if self.connections < 1 or min(self.hello, self.frame, self.idle, self.wait) <= 0:
            raise FlowError(f"expected at least one connection and times above zero, got {self}")


class _Refused(Exception):
    """A client is told why; the connection is closed unless the code says otherwise."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Server:
    """`predict`: uint8 (N, C, H, W) -> int64 (N, classes), called from one thread, one request at a time.

    `token`: at least 16 characters; needed unless `host` is a loopback address. `log`: called with a line for each
    refusal. Raises FlowError for a token that is missing or short.
    """

    def __init__(
        self,
        predict: Predict,
        welcome: Welcome,
        host: str,
        port: int,
        *,
        token: str | None = None,
        limits: Limits | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        if token is None and not is_loopback(host):
            raise FlowError(
                f"{host}: expected a token for an address that other machines reach, got none; give --token-file, or "
                "serve on 127.0.0.1"
            )
        if token is not None and len(token) < MIN_TOKEN:
            raise FlowError(f"token: expected at least {MIN_TOKEN} characters, got {len(token)}")
        self._predict, self._welcome, self._host, self._port = predict, welcome, host, port
        self._token, self._limits, self._log = token, limits or Limits(), log
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="target")
        self._open = 0

    async def run(self, started: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serves until `stop` is set; `started` is called with the port once it listens. Raises FlowError where it
        cannot listen."""
        try:
            server = await asyncio.start_server(self._connected, self._host, self._port)
        except OSError as error:
            raise FlowError(f"{self._host}:{self._port}: expected to listen there, got {error}") from error
        self._tasks: set[asyncio.Task] = set()
        started(server.sockets[0].getsockname()[1])
        try:
            await stop.wait()
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._worker.shutdown(cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= 2 * self._limits.connections:  # so many that telling each why would cost too much
            return writer.transport.abort()
        task = asyncio.current_task()
        self._tasks.add(task)
        self._open += 1
        peer = "{}:{}".format(*writer.get_extra_info("peername", ("?", 0))[:2])
        try:
            await self._serve(reader, writer)
        except _Refused as refusal:
            self._log(f"{peer}: refused: {refusal}")
            await _say_why(reader, writer, refusal.code, str(refusal))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        except asyncio.CancelledError:
            await _say_why(reader, writer, protocol.STOPPING, "the server is stopping")
        finally:
            self._open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open > self._limits.connections:
            raise _Refused(protocol.BUSY, f"expected at most {self._limits.connections} connections at a time")
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _timed(self._greet(reader, writer), self._limits.hello, "the greeting")
        while True:
            payload = await self._frame(reader, {protocol.PREDICT: protocol.predict_limit(self._welcome)})
            await self._answer(writer, payload)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonce = secrets.token_bytes(protocol.NONCE)
        await self._send(writer, protocol.CHALLENGE, protocol.pack_challenge(nonce))
        payload = await self._frame(reader, {protocol.HELLO: protocol.MAX_SMALL})
        try:
            claimed = protocol.parse_hello(payload)
        except ProtocolError as error:
            raise _Refused(protocol.BAD_VERSION, str(error)) from error
        if self._token is not None and not protocol.is_proof(claimed, self._token, nonce):
            raise _Refused(protocol.BAD_TOKEN, "expected the token of this server, got another or none")
        await self._send(writer, protocol.WELCOME, protocol.pack_welcome(self._welcome))

    async def _frame(self, reader: asyncio.StreamReader, limits: dict[int, int]) -> bytes:
        """The payload of the next frame, which is one of `limits`."""
        first = await _timed(reader.readexactly(1), self._limits.idle, "the next request")
        return await _timed(self._rest(reader, first, limits), self._limits.frame, "the rest of a frame")

    async def _rest(self, reader: asyncio.StreamReader, first: bytes, limits: dict[int, int]) -> bytes:
        try:
            header = first + await reader.readexactly(protocol.HEADER.size - 1)
            _, length = protocol.parse_header(header, limits)
        except ProtocolError as error:
            raise _Refused(protocol.BAD_FRAME, str(error)) from error
        return await reader.readexactly(length)

    async def _answer(self, writer: asyncio.StreamWriter, payload: bytes) -> None:
        try:
            request = protocol.request_number(payload)
            images = protocol.parse_predict(payload, self._welcome)
        except ProtocolError as error:
            return await self._send(writer, protocol.ERROR, protocol.pack_error(protocol.BAD_REQUEST, str(error)))
        future = asyncio.get_running_loop().run_in_executor(self._worker, self._scores, images)
        try:
            while not (await asyncio.wait({future}, timeout=self._limits.wait))[0]:
                await self._send(writer, protocol.WAIT, protocol.pack_wait(request))
        finally:
            future.cancel()  # if it still waits for its turn, nobody wants it any more
        try:
            scores = future.result()
        except Exception as error:  # the target's failure is told to its client and stops nobody else
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self._log(f"the target failed: {text}")
            return await self._send(writer, protocol.ERROR, protocol.pack_error(protocol.TARGET_FAILED, text))
        await self._send(writer, protocol.SCORES, protocol.pack_scores(request, scores))

    def _scores(self, images: np.ndarray) -> np.ndarray:
        scores = self._predict(images)
        if scores.dtype != np.int64 or scores.shape != (len(images), self._welcome.classes):
            raise FlowError(f"expected int64 scores for {len(images)} images, got {scores.dtype} {scores.shape}")
        return scores

    async def _send(self, writer: asyncio.StreamWriter, kind: int, payload: bytes) -> None:
        writer.write(protocol.frame(kind, payload))
        await _timed(writer.drain(), self._limits.frame, "the client to take its answer")


async def _timed(action: Coroutine, seconds: float, what: str):
    """The result of `action`. Raises _Refused where it takes longer.

    Not `asyncio.wait_for`: before Python 3.12 that loses a cancellation which comes just when the action ends, and
    the server could then not be stopped.
    """
    task = asyncio.ensure_future(action)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
        await asyncio.wait({task})  # two may not read from one stream
    if not done:
        raise _Refused(protocol.TOO_SLOW, f"expected {what} within {seconds:g} s")
    return task.result()


async def _say_why(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, code: int, text: str) -> None:
    """Best effort. What the client still sends is dropped for a moment: closing on unread bytes would reset the
    connection before the client has read why."""

    async def last_words() -> None:
        writer.write(protocol.frame(protocol.ERROR, protocol.pack_error(code, text)))
        writer.write_eof()
        await writer.drain()
        while await reader.read(1 << 16):
            pass

    with contextlib.suppress(OSError, RuntimeError, _Refused):
        await _timed(last_words(), LINGER, "the client to read")


def is_loopback(host: str) -> bool:
    """Whether every address of `host` is reached from this machine only. Raises FlowError for an unknown host."""
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_STREAM)
    except OSError as error:
        if host == "localhost":  # what it means even where nothing resolves it (RFC 6761, 6.3)
            return True
        raise FlowError(f"{host}: expected an address of this machine, got {error}") from error
    return all(ipaddress.ip_address(address[0].partition("%")[0]).is_loopback for *_, address in found)
