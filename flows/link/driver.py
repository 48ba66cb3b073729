"""The host's driver of a board: requests in, answers out, over a line that may lose and change bytes."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import serial

from flows.errors import FlowError
from flows.link.window import Window
from hw.errors import HardwareError
from hw.registers import Writes
from hw.top.link import protocol
from hw.top.link.identity import Feature, Identity
from hw.top.link.protocol import DAMAGED, SEQUENCE_NUMBERS, Counters, Decoder, Frame, Kind, LinkError, Refusal

PREFIX = "serial:"
DEFAULT_BAUD = 1_000_000
READ_SECONDS = 0.02
#: Before each request: what the board is still waiting for after a lost byte is this, not the next frame's start.
IDLE = b"\x00"
#: Frames on the way when their numbers come round again must long have arrived.
LARGEST_WINDOW = 255


def parse_address(address: str, default: int = DEFAULT_BAUD) -> tuple[str, int]:
    """`serial:/dev/ttyUSB0@115200` -> port and baud rate (`default` where none is given). Raises FlowError."""
    port, at, baud = address.removeprefix(PREFIX).partition("@")
    if not address.startswith(PREFIX) or not port or (at and not (baud.isdecimal() and int(baud))):
        raise FlowError(f"expected serial:PORT or serial:PORT@BAUD, got {address!r}")
    return port, int(baud) if at else default


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """`timeout_s`: seconds without any answer after which what is on its way counts as lost; longer than the network
    computes. `attempts`: times that a request is sent before it is given up."""

    timeout_s: float = 1.0
    attempts: int = 20

    def __post_init__(self) -> None:
        if self.timeout_s <= 0 or self.attempts < 1:
            raise FlowError(f"expected a timeout above 0 s and at least 1 attempt, got {self}")


@dataclass(slots=True)
class LinkStatistics:
    """What happened on the line, as the host saw it. `sent`: requests, repetitions included. `repeated`: those.
    `timeouts`: silences. `refused`: by the board. `unexpected`: intact frames that answer nothing any more.
    `discarded`: bytes that belonged to no intact frame."""

    sent: int = 0
    repeated: int = 0
    timeouts: int = 0
    refused: int = 0
    unexpected: int = 0
    discarded: int = 0


class BoardLink:
    """An open board; a context manager. `identity`: what it says of itself. `statistics`: of the line.

    `port`: the serial port's path. Every answer is checked by CRC-32 and belongs to the very request whose sequence
    number it carries: a request is repeated until its own answer has come, or given up. Raises FlowError where there
    is no port, no board or no answer.
    """

    def __init__(self, port: str, *, baud: int = DEFAULT_BAUD, options: LinkOptions | None = None) -> None:
        self.port = port
        self.options = options or LinkOptions()
        self.statistics = LinkStatistics()
        self._decoder = Decoder()
        # Answers to whom used the port before come before the first of ours, and hardly with its number.
        self._sequence = random.SystemRandom().randrange(SEQUENCE_NUMBERS)
        try:
            self._serial = serial.Serial(
                port, baud, timeout=READ_SECONDS, write_timeout=self.options.timeout_s, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise FlowError(f"{port}: expected a serial port at {baud} baud, got: {error}") from error
        try:
            self._serial.reset_input_buffer()
            self._window = 1
            self.identity = self._identify()
            self._window = min(self.identity.window, LARGEST_WINDOW)
            longest = max(4 * self.identity.output.elements, 255)
            self._decoder = Decoder(max_payload=min(longest, protocol.MAX_PAYLOAD))
        except BaseException:
            self._serial.close()
            raise

    def _identify(self) -> Identity:
        try:
            return Identity.parse(self._ask(Kind.HELLO))
        except HardwareError as error:
            raise FlowError(f"{self.port}: {error}") from error

    def ping(self) -> None:
        """Returns when the board has answered. Raises FlowError where it does not."""
        self._ask(Kind.PING)

    def counters(self) -> Counters:
        """What the board has counted since its reset."""
        return Counters.parse(self._ask(Kind.COUNTERS))

    def update(self, writes: Writes, progress: Callable[[int], None] = lambda done: None) -> None:
        """Rewrites numbers of the circuit, (address, data) of `hw.registers`; none is used before all have come.

        Raises FlowError where the board has none to be written, or stopped answering: its numbers may then be mixed,
        and it may wait for the rest; all of them must be written again.
        """
        if Feature.THRESHOLDS not in self.identity.features:
            raise FlowError(f"{self.port}: expected a circuit with writable numbers; compile it with compile.writable")
        words = [protocol.encode_word(*pair, place == len(writes) - 1) for place, pair in enumerate(writes)]
        # The last one begins to count when it comes: no other may be repeated behind it.
        for part in (words[:-1], words[-1:]):
            self._exchange(Kind.THRESHOLDS, part, 0, progress)

    def infer(self, inputs: list[bytes], progress: Callable[[int], None] = lambda done: None) -> list[bytes]:
        """The output elements of every input, as `protocol.words` reads them; in the inputs' order.

        `inputs`: one byte per element of the network's input each. `progress` gets the number answered. Raises
        FlowError for another length, a request that the board refuses, or one that stayed without an answer.
        """
        wanted = self.identity.input.elements
        if wrong := next((len(data) for data in inputs if len(data) != wanted), None):
            raise FlowError(f"{self.port}: expected inputs of {wanted} bytes ({self.identity.input}), got {wrong}")
        return self._exchange(Kind.INFER, inputs, 4 * self.identity.output.elements, progress)

    def close(self) -> None:
        """Gives the port back."""
        self._serial.close()

    def __enter__(self) -> BoardLink:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, kind: Kind, payload: bytes = b"") -> bytes:
        return self._exchange(kind, [payload], None, lambda done: None)[0]

    def _exchange(
        self, kind: Kind, payloads: list[bytes], length: int | None, progress: Callable[[int], None]
    ) -> list[bytes]:
        """Answers' payloads, each of `length` bytes (None: any)."""
        return _Exchange(self, kind, payloads, length, progress).run()

    def next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) % SEQUENCE_NUMBERS
        return self._sequence

    def write(self, frame: bytes) -> None:
        try:
            self._serial.write(IDLE + frame)
        except serial.SerialException as error:
            raise FlowError(f"{self.port}: expected to send to the board, got: {error}") from error

    def read(self) -> list[Frame]:
        """Frames that have come, after waiting for the first byte for a moment."""
        try:
            data = self._serial.read(max(1, self._serial.in_waiting))
        except (OSError, serial.SerialException) as error:
            raise FlowError(f"{self.port}: expected to hear from the board, got: {error}; was it unplugged?") from error
        before = self._decoder.discarded
        frames = self._decoder.feed(data)
        self.statistics.discarded += self._decoder.discarded - before
        return frames

    def forget_partial_frame(self) -> None:
        before = self._decoder.discarded
        self._decoder.reset()
        self.statistics.discarded += self._decoder.discarded - before

    @property
    def window_size(self) -> int:
        return self._window


class _Exchange:
    """A list of requests of one kind, each sent until it is answered."""

    def __init__(
        self,
        link: BoardLink,
        kind: Kind,
        payloads: list[bytes],
        length: int | None,
        progress: Callable[[int], None],
    ) -> None:
        self.link, self.kind, self.payloads, self.length, self.progress = link, kind, payloads, length, progress
        self.numbers = [link.next_sequence() for _ in payloads]
        self.places: dict[int, int] = {}
        self.window = Window(link.window_size)
        self.waiting = deque(range(len(payloads)))
        self.attempts = [0] * len(payloads)
        self.answers: dict[int, bytes] = {}
        self.refusal: Refusal | None = None

    def run(self) -> list[bytes]:
        last_heard = time.monotonic()
        while len(self.answers) < len(self.payloads):
            if self._send():
                last_heard = time.monotonic()
            for frame in self.link.read():
                last_heard = time.monotonic()
                self._take(frame)
            if time.monotonic() - last_heard > self.link.options.timeout_s:
                self.link.statistics.timeouts += 1
                # A partial frame would swallow the answers to come.
                self.link.forget_partial_frame()
                self._repeat(self.window.give_up())
                last_heard = time.monotonic()
        return [self.answers[place] for place in range(len(self.payloads))]

    def _send(self) -> bool:
        """Fills the window; whether anything was sent."""
        sent = False
        while self.waiting and self.window.free:
            place = self.waiting.popleft()
            if place in self.answers:
                continue
            if self.attempts[place] >= self.link.options.attempts:
                raise FlowError(self._complaint(place))
            statistics = self.link.statistics
            statistics.sent += 1
            statistics.repeated += self.attempts[place] > 0
            self.attempts[place] += 1
            number = self.numbers[place]
            self.places[number] = place
            self.link.write(protocol.encode_request(self.kind, number, self.payloads[place]))
            self.window.send(number)
            sent = True
        return sent

    def _complaint(self, place: int) -> str:
        said = f"; it refused with {self.refusal.name}" if self.refusal else ""
        return (
            f"{self.link.port}: expected an answer to {self.kind.name} {place + 1} of {len(self.payloads)}, got none "
            f"in {self.attempts[place]} attempts{said}; check the cable, the baud rate and what is loaded, or reset it"
        )

    def _take(self, frame: Frame) -> None:
        place = self.places.get(frame.sequence)
        try:
            payload = protocol.answer_payload(frame, self.kind)
        except LinkError as error:
            self._refused(frame, error)
            return
        except HardwareError as error:
            if frame.version != protocol.VERSION:
                raise FlowError(f"{self.link.port}: {error}") from error
            self.link.statistics.unexpected += 1
            return
        if place is None or place in self.answers:
            self.link.statistics.unexpected += 1
        if frame.sequence in self.window:
            self._repeat(self.window.answered(frame.sequence))
        if place is None:
            return
        if self.length is not None and len(payload) != self.length:
            raise FlowError(
                f"{self.link.port}: expected answers of {self.length} bytes, got {len(payload)}: another bitstream was "
                "loaded since the board was asked who it is; open it again"
            )
        if place not in self.answers:
            self.answers[place] = payload
            self.progress(len(self.answers))

    def _refused(self, frame: Frame, error: LinkError) -> None:
        self.link.statistics.refused += 1
        self.refusal = error.refusal
        known = frame.sequence in self.window
        if error.refusal not in DAMAGED:
            if known:
                raise FlowError(f"{self.link.port}: {error}") from error
        elif error.refusal is Refusal.TRUNCATED:
            # The line was silent: all that was sent before has been judged.
            self._repeat(self.window.give_up())
        elif known:
            self._repeat([*self.window.answered(frame.sequence), frame.sequence])

    def _repeat(self, lost: list[int]) -> None:
        """Puts lost requests in front, the oldest first."""
        places = dict.fromkeys(self.places[number] for number in lost)
        self.waiting.extendleft(place for place in reversed(places) if place not in self.answers)
