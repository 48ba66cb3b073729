"""A target behind a server, as `flows.remote.server` or anything else that speaks its protocol."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.remote import protocol
from flows.remote.protocol import ProtocolError, Welcome
from flows.targets.layout import check_images


class RemoteTarget:
    """Asks the server at `address` (`HOST:PORT`, `[IPV6]:PORT`); a context manager. See `flows.targets.target.Target`.

    `token`: the server's, if it has one; it is proved, never sent. `silence`: seconds without a byte of an answer
    after which a connection counts as dropped (a server at work says so every few seconds). A dropped connection is
    made anew `attempts` times, with growing pauses, and the images are asked again: predictions have no side effects.
    Raises FlowError where the server cannot be reached, refuses, or serves another network than before.
    """

    def __init__(self, address: str, token: str | None = None, *, attempts: int = 6, silence: float = 30.0) -> None:
        self._host, self._port = parse_address(address)
        self.name = f"remote:{address}"
        self.queries = 0
        self._token, self._attempts, self._silence = token, attempts, silence
        self._socket: socket.socket | None = None
        self._request = 0
        self.welcome: Welcome | None = None
        self._retried(lambda: None)

    @property
    def network(self) -> str:
        """sha256 of the dataflow that answers."""
        return self.welcome.network

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype."""
        check_images(images, self.name)
        if images.shape[1:] != self.welcome.shape:
            raise FlowError(f"{self.name}: expected images of shape {self.welcome.shape}, got {images.shape[1:]}")
        step = self.welcome.max_images
        parts = [np.zeros((0, self.welcome.classes), np.int64)]
        for start in range(0, len(images), step):
            part = images[start : start + step]
            parts.append(self._retried(lambda part=part: self._ask(part)))
        self.queries += len(images)
        return np.concatenate(parts)

    def close(self) -> None:
        """Drops the connection; the next question makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> RemoteTarget:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _retried(self, action):
        for attempt in range(self._attempts):
            try:
                if self._socket is None:
                    self._connect()
                return action()
            except (OSError, _Again) as error:
                self.close()
                last = error
                if attempt + 1 < self._attempts:
                    time.sleep(min(0.1 * 2**attempt, 5.0))
            except BaseException:
                self.close()  # the rest of an answer must not be taken for the next one
                raise
        raise FlowError(f"{self.name}: expected an answer, got {last} in {self._attempts} attempts; is it running?")

    def _connect(self) -> None:
        self._socket = socket.create_connection((self._host, self._port), timeout=self._silence)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, payload = self._receive({protocol.CHALLENGE: protocol.MAX_SMALL})
        proof = protocol.proof(self._token or "", protocol.parse_challenge(payload))
        self._send(protocol.HELLO, protocol.pack_hello(proof))
        _, payload = self._receive({protocol.WELCOME: protocol.MAX_SMALL})
        welcome = protocol.parse_welcome(payload)
        if self.welcome is not None and welcome != self.welcome:
            raise FlowError(
                f"{self.name}: expected network {self.welcome.network[:12]} as before, got {welcome.network[:12]} "
                f"({welcome.target}, images {welcome.shape}); start again"
            )
        self.welcome = welcome

    def _ask(self, images: np.ndarray) -> np.ndarray:
        self._request = (self._request + 1) % (1 << 32)
        self._send(protocol.PREDICT, protocol.pack_predict(self._request, images))
        limits = {protocol.SCORES: protocol.scores_limit(self.welcome), protocol.WAIT: protocol.MAX_SMALL}
        kind = protocol.WAIT
        while kind == protocol.WAIT:
            kind, payload = self._receive(limits)
            if (number := protocol.request_number(payload)) != self._request:
                raise ProtocolError(f"{self.name}: expected the answer to request {self._request}, got {number}")
        return protocol.parse_scores(payload, len(images), self.welcome.classes)

    def _send(self, kind: int, payload: bytes) -> None:
        try:
            self._socket.sendall(protocol.frame(kind, payload))
        except (BrokenPipeError, ConnectionResetError):
            self._receive({})  # the server may have said why before it hung up
            raise

    def _receive(self, limits: dict[int, int]) -> tuple[int, bytes]:
        header = self._exactly(protocol.HEADER.size)
        kind, length = protocol.parse_header(header, limits | {protocol.ERROR: protocol.MAX_SMALL})
        payload = self._exactly(length)
        if kind != protocol.ERROR:
            return kind, payload
        code, text = protocol.parse_error(payload)
        if code in (protocol.BUSY, protocol.STOPPING, protocol.TOO_SLOW):
            raise _Again(f"the server's refusal: {text}")
        raise FlowError(f"{self.name}: refused: {text}")

    def _exactly(self, length: int) -> bytes:
        data = bytearray(length)
        view = memoryview(data)
        while len(view):
            received = self._socket.recv_into(view)
            if not received:
                raise ConnectionError("a dropped connection")
            view = view[received:]
        return bytes(data)


class _Again(Exception):
    """A refusal that may pass."""


def parse_address(address: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPV6]:PORT`. Raises FlowError."""
    host, colon, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise FlowError(f"expected an address HOST:PORT, got {address!r}")
    return host, int(port)


def read_token(path: Path) -> str:
    """The token in a file's only line. Raises FlowError where there is none."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FlowError(f"{path}: expected a file with a token, got {error}") from error
    if not text or "\n" in text:
        raise FlowError(f"{path}: expected one line with a token, got {len(text.splitlines())} lines")
    return text
