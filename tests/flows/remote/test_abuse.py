"""Bad clients: each is told why, none stops the others, and the scores of a good client stay exact throughout."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

from flows.errors import FlowError
from flows.remote import protocol
from flows.remote.client import RemoteTarget
from tests.flows.remote.conftest import TOKEN, raw


def read_frame(connection: socket.socket) -> tuple[int, bytes]:
    """The next frame, (0, b"") at the end of the stream."""
    data = b""
    while len(data) < protocol.HEADER.size:
        if not (more := connection.recv(protocol.HEADER.size - len(data))):
            return 0, b""
        data += more
    _, kind, length = protocol.HEADER.unpack(data)
    payload = b""
    while len(payload) < length:
        payload += connection.recv(length - len(payload))
    return kind, payload


def refusal(connection: socket.socket) -> tuple[int, str]:
    """The error that the server ends the connection with."""
    while True:
        kind, payload = read_frame(connection)
        if kind == protocol.ERROR:
            return protocol.parse_error(payload)
        assert kind, "the server hung up without a word"


def greeted(connection: socket.socket, token: str = "") -> None:
    _, payload = read_frame(connection)
    proof = protocol.proof(token, protocol.parse_challenge(payload))
    connection.sendall(protocol.frame(protocol.HELLO, protocol.pack_hello(proof)))
    assert read_frame(connection)[0] == protocol.WELCOME


@pytest.fixture
def witness(golden, images):
    """Asks a server without pause in a thread of its own; every answer must be exact."""

    class Witness:
        def __init__(self, address: str, token: str | None = None) -> None:
            self.answers, self.wrong, self.error = 0, 0, None
            self._stop = threading.Event()
            self._expected = golden.predict(images)
            self._thread = threading.Thread(target=self._ask, args=(address, token))
            self._thread.start()

        def _ask(self, address: str, token: str | None) -> None:
            try:
                with RemoteTarget(address, token) as target:
                    while not self._stop.is_set():
                        self.wrong += not np.array_equal(target.predict(images), self._expected)
                        self.answers += 1
            except FlowError as error:
                self.error = error

        def check(self) -> None:
            before = self.answers
            deadline = time.monotonic() + 20
            while self.answers < before + 2 and time.monotonic() < deadline and not self.error:
                time.sleep(0.01)
            self._stop.set()
            self._thread.join(20)
            assert (self.error, self.wrong) == (None, 0) and self.answers >= before + 2

    return Witness


def malformed(rng: random.Random) -> bytes:
    """Bytes that are no frame due at this moment."""
    header = protocol.HEADER.pack(protocol.MAGIC, protocol.PREDICT, 44)
    choice = rng.randrange(5)
    if choice == 0:
        return rng.randbytes(protocol.HEADER.size + rng.randrange(50))
    if choice == 1:
        return b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    if choice == 2:
        return protocol.frame(rng.choice([0, 1, 3, 5, 6, 7, 8, 255]), rng.randbytes(20))
    if choice == 3:
        broken = bytearray(header)
        broken[rng.choice([0, 1, 2, 3, 5, 6, 7])] ^= 1 << rng.randrange(8)
        return bytes(broken) + bytes(44)
    return protocol.HEADER.pack(protocol.MAGIC, protocol.PREDICT, rng.randrange(1 << 20, 1 << 32))


def test_malformed_frames_are_refused_one_by_one(serving, witness) -> None:
    server = serving()
    good, rng = witness(server.address), random.Random(1)
    for _ in range(1000):
        with raw(server) as connection:
            if rng.random() < 0.8:
                greeted(connection)
            else:
                read_frame(connection)
            connection.sendall(malformed(rng))
            code, text = refusal(connection)
            assert code == protocol.BAD_FRAME and text.split()[0] in ("expected", "predict:", "hello:"), text
            assert read_frame(connection) == (0, b"")
    good.check()
    assert len(server.log) == 1000


def test_an_oversize_frame_is_refused_before_it_is_read(serving, witness) -> None:
    server = serving()
    good = witness(server.address)
    with raw(server) as connection:
        greeted(connection)
        connection.sendall(protocol.HEADER.pack(protocol.MAGIC, protocol.PREDICT, 4_000_000_000))
        assert refusal(connection) == (
            protocol.BAD_FRAME,
            "predict: expected at most 1160 bytes, got 4000000000",
        )
    good.check()


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"\0\0", "expected a request's number, got 2 bytes"),
        (bytes(4), "predict: expected at least 8 bytes, got 4"),
        (struct.pack("!II", 1, 0), "predict: expected 1 to 32 images, got 0"),
        (struct.pack("!II", 1, 33), "predict: expected 1 to 32 images, got 33"),
        (struct.pack("!II", 1, 2) + bytes(36), "predict: expected 2 images of 36 bytes, got 36 bytes"),
    ],
)
def test_a_bad_request_is_told_and_the_connection_goes_on(serving, golden, images, payload: bytes, text: str) -> None:
    with raw(serving()) as connection:
        greeted(connection)
        connection.sendall(protocol.frame(protocol.PREDICT, payload))
        assert refusal(connection) == (protocol.BAD_REQUEST, text)
        connection.sendall(protocol.frame(protocol.PREDICT, protocol.pack_predict(7, images[:3])))
        kind, answer = read_frame(connection)
        assert kind == protocol.SCORES and protocol.request_number(answer) == 7
        assert np.array_equal(protocol.parse_scores(answer, 3, 5), golden.predict(images[:3]))


def test_partial_frames_are_given_up(serving, witness) -> None:
    server = serving(hello=0.5, frame=0.5)
    good = witness(server.address)
    with ExitStack() as stack:
        slow = [stack.enter_context(raw(server)) for _ in range(20)]
        for connection in slow[:10]:
            greeted(connection)
            connection.sendall(protocol.frame(protocol.PREDICT, bytes(44))[:30])
        for connection in slow[10:]:
            connection.sendall(protocol.MAGIC)
        stop, drip = time.monotonic() + 0.3, 0
        while time.monotonic() < stop:  # a byte now and then must not buy more time
            slow[0].sendall(b"\0")
            drip += 1
            time.sleep(0.1)
        assert drip >= 2
        for connection in slow[:10]:
            assert refusal(connection) == (protocol.TOO_SLOW, "expected the rest of a frame within 0.5 s")
        for connection in slow[10:]:
            assert refusal(connection) == (protocol.TOO_SLOW, "expected the greeting within 0.5 s")
    good.check()


def test_idle_connections_take_no_turn_and_are_dropped(serving, witness) -> None:
    server = serving(idle=1.0)
    good = witness(server.address)
    with ExitStack() as stack:
        idle = [stack.enter_context(raw(server)) for _ in range(50)]
        for connection in idle:
            greeted(connection)
        for connection in idle:
            assert refusal(connection) == (protocol.TOO_SLOW, "expected the next request within 1 s")
    good.check()


def test_connections_are_bounded_and_the_good_client_waits_for_its_turn(serving, golden, images) -> None:
    server = serving(connections=4, hello=1.0)
    with ExitStack() as stack:
        for _ in range(4):
            read_frame(stack.enter_context(raw(server)))
        with raw(server) as one_more:
            assert refusal(one_more) == (protocol.BUSY, "expected at most 4 connections at a time")
        with RemoteTarget(server.address, attempts=8) as target:  # the silent ones are gone after a second
            assert np.array_equal(target.predict(images), golden.predict(images))


def test_wrong_tokens_are_refused(serving, witness, images) -> None:
    server = serving(token=TOKEN)
    good = witness(server.address, TOKEN)
    for wrong in ("", "wrong", TOKEN + "!", TOKEN[:-1], None):
        with pytest.raises(FlowError, match="refused: expected the token of this server, got another or none"):
            RemoteTarget(server.address, wrong)
    with raw(server) as first, raw(server) as second:  # a proof is good for its own challenge only
        stolen = protocol.proof(TOKEN, protocol.parse_challenge(read_frame(first)[1]))
        read_frame(second)
        second.sendall(protocol.frame(protocol.HELLO, protocol.pack_hello(stolen)))
        assert refusal(second)[0] == protocol.BAD_TOKEN
    with raw(server) as connection:  # no way around the greeting
        read_frame(connection)
        connection.sendall(protocol.frame(protocol.PREDICT, protocol.pack_predict(1, images[:1])))
        assert refusal(connection) == (protocol.BAD_FRAME, "expected a frame hello, got predict")
    good.check()


def test_another_version_is_refused(serving) -> None:
    with raw(serving()) as connection:
        read_frame(connection)
        connection.sendall(protocol.frame(protocol.HELLO, struct.pack("!H32s", 2, bytes(32))))
        code, text = refusal(connection)
        assert code == protocol.BAD_VERSION and "expected version 1 in 34 bytes, got version 2 in 34" in text


def test_a_client_that_vanishes_in_the_middle_leaves_nothing_behind(serving, witness, images) -> None:
    server = serving()
    good = witness(server.address)
    for _ in range(50):
        with raw(server) as connection:
            greeted(connection)
            connection.sendall(protocol.frame(protocol.PREDICT, protocol.pack_predict(1, images[:32])))
    good.check()
