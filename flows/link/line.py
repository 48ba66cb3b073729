"""A serial line to a board: frames out, frames in, and what happened on it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import serial

from flows.errors import FlowError
from flows.link.quality import Quality
from hw.top.link import protocol
from hw.top.link.protocol import SEQUENCE_NUMBERS, Decoder, Frame

READ_SECONDS = 0.02
WRITE_SECONDS = 30.0
#: Before each request: what the board is still waiting for after a lost byte is this, not the next frame's start.
IDLE = b"\x00"


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """`timeout_s`: seconds without any answer after which what is on its way counts as lost; longer than the network
    computes. `attempts`: times that a request is sent before it is given up: many, because a line with one damaged
    byte in a hundred loses most long frames. `silences`: timeouts in a row after which nobody is there."""

    timeout_s: float = 1.0
    attempts: int = 200
    silences: int = 5

    def __post_init__(self) -> None:
        if self.timeout_s <= 0 or self.attempts < 1 or self.silences < 1:
            raise FlowError(f"expected a timeout above 0 s, at least 1 attempt and 1 silence, got {self}")


@dataclass(slots=True)
class LinkStatistics:
    """What happened on the line, as the host saw it. `sent`: requests, repetitions included. `repeated`: those.
    `timeouts`: silences. `refused`: by the board. `unexpected`: intact frames that answer nothing any more.
    `discarded`: bytes that belonged to no intact frame. `bytes_sent`, `bytes_received`: all that went either way."""

    sent: int = 0
    repeated: int = 0
    timeouts: int = 0
    refused: int = 0
    unexpected: int = 0
    discarded: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class Line:
    """An open serial port. `window`: requests that may be unanswered on it. `quality`: what to expect of it.

    Raises FlowError where there is no port, or none any more.
    """

    def __init__(self, port: str, baud: int, options: LinkOptions) -> None:
        self.port, self.options = port, options
        self.statistics, self.quality = LinkStatistics(), Quality()
        self.window = 1
        self._decoder = Decoder()
        # Answers to whom used the port before come before the first of ours, and hardly with its number.
        self._sequence = random.SystemRandom().randrange(SEQUENCE_NUMBERS)
        try:
            self._serial = serial.Serial(port, baud, timeout=READ_SECONDS, write_timeout=WRITE_SECONDS, exclusive=True)
            self._serial.reset_input_buffer()
        except (OSError, ValueError) as error:
            raise FlowError(f"{port}: expected a serial port at {baud} baud, got: {error}") from error

    def expect(self, window: int, longest: int) -> None:
        """From now on: requests on their way, and the longest payload of an answer."""
        self.window = window
        self._decoder = Decoder(max_payload=min(longest, protocol.MAX_PAYLOAD))

    def next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) % SEQUENCE_NUMBERS
        return self._sequence

    def write(self, frame: bytes) -> None:
        try:
            self._serial.write(IDLE + frame)
        except serial.SerialException as error:
            raise FlowError(f"{self.port}: expected to send to the board, got: {error}") from error
        self.statistics.bytes_sent += len(IDLE + frame)

    def read(self) -> list[Frame]:
        """Frames that have come, after waiting for the first byte for a moment."""
        try:
            data = self._serial.read(max(1, self._serial.in_waiting))
        except (OSError, serial.SerialException) as error:
            raise FlowError(f"{self.port}: expected to hear from the board, got: {error}; was it unplugged?") from error
        self.statistics.bytes_received += len(data)
        before = self._decoder.discarded
        frames = self._decoder.feed(data)
        self.statistics.discarded += self._decoder.discarded - before
        return frames

    def forget_partial_frame(self) -> None:
        before = self._decoder.discarded
        self._decoder.reset()
        self.statistics.discarded += self._decoder.discarded - before

    def close(self) -> None:
        """Gives the port back."""
        self._serial.close()
