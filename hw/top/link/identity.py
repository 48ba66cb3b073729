"""What a board says of itself: the payload of the answer to HELLO. The layout is in README.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from math import prod

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.stream import Stream

_HEAD = struct.Struct("<QQHBB")
_STREAM = struct.Struct("<BBB")
MAX_NAME = 63


class Feature(IntFlag):
    """What a circuit can do beyond answering."""

    THRESHOLDS = 1  # takes new thresholds or weights while it runs
    PIECES = 2  # takes its input in pieces


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the network's streams as the host sees it: `shape` (H, W, C) or flat, integers of `bits` bits."""

    shape: tuple[int, ...]
    bits: int
    signed: bool

    @classmethod
    def of(cls, stream: Stream) -> Layout:
        return cls(stream.shape, stream.dtype.bits, stream.dtype.signed)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape))} {IntType(self.bits, self.signed).name}"

    def encode(self) -> bytes:
        return _STREAM.pack(self.bits, self.signed, len(self.shape)) + struct.pack(f"<{len(self.shape)}H", *self.shape)


@dataclass(frozen=True, slots=True)
class Identity:
    """`network_id`: the first 64 bits of `hw.identity`. `build_id`: 64-bit hash of all that decides the bitstream but
    the tools. `features`: see `Feature`. `window`: requests that may be unanswered at once. `name`: the network's,
    at most 63 ASCII letters. `input`, `output`: one frame of either stream."""

    network_id: int
    build_id: int
    features: Feature
    window: int
    name: str
    input: Layout
    output: Layout

    def encode(self) -> bytes:
        """The payload. Raises HardwareError for a name that is not ASCII."""
        if not self.name.isascii():
            raise HardwareError(f"expected a network's name in ASCII, got {self.name!r}")
        name = self.name[:MAX_NAME].encode()
        head = _HEAD.pack(self.network_id, self.build_id, self.features, self.window, len(name))
        return head + name + self.input.encode() + self.output.encode()

    @classmethod
    def parse(cls, payload: bytes) -> Identity:
        """The inverse of `encode`. Raises HardwareError for bytes that are no identity."""
        try:
            network, build, features, window, length = _HEAD.unpack_from(payload)
            name = payload[_HEAD.size : _HEAD.size + length].decode("ascii")
            source, rest = _layout(payload[_HEAD.size + length :])
            result, rest = _layout(rest)
        except (struct.error, UnicodeDecodeError) as error:
            raise HardwareError(f"expected what a board says of itself, got {payload.hex()}: {error}") from error
        if rest or not window:
            raise HardwareError(f"expected what a board says of itself, got {payload.hex()}: build it again")
        return cls(network, build, Feature(features), window, name, source, result)


def _layout(data: bytes) -> tuple[Layout, bytes]:
    bits, signed, rank = _STREAM.unpack_from(data)
    end = _STREAM.size + 2 * rank
    return Layout(struct.unpack(f"<{rank}H", data[_STREAM.size : end]), bits, bool(signed)), data[end:]
