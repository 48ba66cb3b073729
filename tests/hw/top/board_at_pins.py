"""A simulated board whose pins a test drives byte by byte, in the board's own time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from flows.simulate.board import ORDERS, LinkTiming, build_board
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.top.link import protocol
from hw.top.link.protocol import FRAME_BYTES, Counters, Decoder, Frame, Kind, LinkError, Refusal, encode_request

TIMEOUT_BYTES = 8
# Enough for any answer: reading ends at the first silence.
EVERYTHING = 10000


class Board:
    """A simulated board at the other end of a serial cable."""

    def __init__(self, program: Path, seed: int = 1) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, str(seed)], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.sequence = 0

    def command(self, *words: str) -> None:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def send(self, data: bytes) -> None:
        self.command(*(f"{byte:02x}" for byte in data))

    def read(self, count: int = EVERYTHING) -> bytes:
        """The next `count` bytes, fewer where the board falls silent for long."""
        self.command(f"?{count}")
        return bytes.fromhex(self.process.stdout.readline())

    def frames(self, count: int = EVERYTHING) -> list[Frame]:
        decoder = Decoder()
        frames = decoder.feed(self.read(count))
        assert decoder.discarded == 0
        return frames

    def silence(self) -> None:
        self.command(f"+{(TIMEOUT_BYTES + 2) * 10}")

    def infer(self, pixels: np.ndarray, outputs: int) -> np.ndarray:
        self.sequence = (self.sequence + 257) % protocol.SEQUENCE_NUMBERS
        self.send(encode_request(Kind.INFER, self.sequence, pixels.astype(np.uint8).tobytes()))
        (frame,) = self.frames(FRAME_BYTES + 4 * outputs)
        assert frame.sequence == self.sequence
        return protocol.words(protocol.answer_payload(frame, Kind.INFER))

    def refusal(self) -> Refusal:
        (frame,) = self.frames()
        with pytest.raises(LinkError) as refused:
            protocol.answer_payload(frame, Kind.INFER)
        return refused.value.refusal

    def counters(self) -> Counters:
        self.send(encode_request(Kind.COUNTERS, 3))
        (frame,) = self.frames(FRAME_BYTES + 18)
        return Counters.parse(protocol.answer_payload(frame, Kind.COUNTERS))

    def close(self) -> None:
        self.process.stdin.close()
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert self.process.wait(10) == 0, errors


def verilate(dataflow: Dataflow, folder: Path, clocks_per_bit: int) -> Path:
    timing = LinkTiming(clocks_per_bit, TIMEOUT_BYTES)
    return build_board(dataflow, load("ulx3s_85f"), folder, clock_mhz=25.0, timing=timing, program=ORDERS)
