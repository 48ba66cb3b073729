"""Frames between host and board: checksum, encoder, resynchronising decoder. The layout is in README.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

import numpy as np

from hw.errors import HardwareError

SYNC = b"\x48\x46"
VERSION = 3
ANSWER = 0x80
HEADER_BYTES = 8
CRC_BYTES = 4
FRAME_BYTES = HEADER_BYTES + CRC_BYTES
MAX_PAYLOAD = 0xFFFF
SEQUENCE_NUMBERS = 1 << 16
#: Most data of a PIECE, behind its number.
PIECE_BYTES = 32
NUMBER_BYTES = 2
RUN_BYTES = 4


class Kind(IntEnum):
    """Frame types. An answer to a request that was carried out has the request's type with bit 7 set."""

    PING = 0x01
    HELLO = 0x02
    INFER = 0x03
    COUNTERS = 0x04
    THRESHOLDS = 0x05
    PIECE = 0x06
    RUN = 0x07
    ERROR = 0xFF


class Refusal(IntEnum):
    """The one payload byte of an ERROR answer."""

    BAD_CRC = 1
    BAD_VERSION = 2
    BAD_TYPE = 3
    BAD_LENGTH = 4
    TRUNCATED = 5
    NOT_SUPPORTED = 6
    INCOMPLETE = 8


WITH_PAYLOAD = frozenset({Kind.INFER, Kind.THRESHOLDS, Kind.PIECE, Kind.RUN})
#: What a frame that was damaged on its way may be refused for, whatever it was when it was sent.
DAMAGED = frozenset({Refusal.BAD_CRC, Refusal.TRUNCATED, Refusal.BAD_LENGTH})


class LinkError(HardwareError):
    """The board refused a request; `refusal` says why."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Frame:
    """`version`, `kind` 0..255 (unknown ones are passed on), `sequence` 0..65535, `payload` up to 65535 bytes."""

    version: int
    kind: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Counters:
    """What the board has counted since its reset, each up to 65535 and staying there.

    `accepted`: requests carried out. `overrun`: requests dropped for want of room. `stop_bit`: bytes without a stop
    bit. The others: requests refused, by reason.
    """

    accepted: int
    bad_crc: int
    bad_version: int
    bad_type: int
    bad_length: int
    truncated: int
    not_supported: int
    overrun: int
    stop_bit: int

    @classmethod
    def parse(cls, payload: bytes) -> Counters:
        """Raises HardwareError unless `payload` has the 18 bytes of an answer to COUNTERS."""
        if len(payload) != 18:
            raise HardwareError(f"expected 18 bytes of counters, got {len(payload)}")
        return cls(*struct.unpack("<9H", payload))


def encode_frame(kind: int, sequence: int, payload: bytes = b"", version: int = VERSION) -> bytes:
    """One whole frame, of either direction. Raises HardwareError for a payload above 65535 bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise HardwareError(f"expected at most {MAX_PAYLOAD} payload bytes, got {len(payload)}")
    body = struct.pack("<BBHH", version, kind, sequence, len(payload)) + payload
    return SYNC + body + struct.pack("<I", crc32(body))


def encode_request(kind: Kind, sequence: int, payload: bytes = b"") -> bytes:
    """A request. INFER has one byte per pixel code, in the input stream's order (H, W, C); THRESHOLDS what
    `encode_word` gives, PIECE one of `pieces`, RUN the `checksum` of the whole input; the others have no payload.
    Raises HardwareError for ERROR, which is no request, and for a payload where none belongs."""
    if kind is Kind.ERROR:
        raise HardwareError("expected a request, got ERROR, which only a board sends")
    if bool(payload) != (kind in WITH_PAYLOAD):
        wanted = "payload" if kind in WITH_PAYLOAD else "no payload"
        raise HardwareError(f"{kind.name}: expected {wanted}, got {len(payload)} bytes")
    return encode_frame(kind, sequence, payload)


def encode_word(address: int, data: int, last: bool) -> bytes:
    """The payload of THRESHOLDS: 32 bits for an address of `hw.registers`, the update's last word or not."""
    if not 0 <= address < 1 << 24 or not 0 <= data < 1 << 32:
        raise HardwareError(f"expected an address of 24 bits and data of 32, got {address:#x} and {data:#x}")
    return struct.pack("<II", data, address | last << 24)


def pieces(data: bytes) -> list[bytes]:
    """The payloads of the PIECE requests that bring `data`: number, then at most 32 bytes, in order."""
    starts = range(0, len(data), PIECE_BYTES)
    return [struct.pack("<H", number) + data[at : at + PIECE_BYTES] for number, at in enumerate(starts)]


def checksum(data: bytes) -> bytes:
    """The payload of the RUN request that computes `data`."""
    return struct.pack("<I", crc32(data))


def answer_payload(frame: Frame, request: Kind) -> bytes:
    """The payload of the answer to `request`. Raises LinkError for a refusal, HardwareError for another answer."""
    if frame.version != VERSION:
        raise HardwareError(f"expected protocol version {VERSION}, the board speaks {frame.version}: build it again")
    if frame.kind == Kind.ERROR:
        if frame.payload not in [bytes([code]) for code in Refusal]:
            raise HardwareError(f"expected one known refusal code, got {frame.payload.hex() or 'nothing'}")
        refusal = Refusal(frame.payload[0])
        raise LinkError(refusal, f"the board refused {request.name}: {refusal.name}")
    if frame.kind != request | ANSWER:
        raise HardwareError(f"expected an answer to {request.name} (0x{request | ANSWER:02x}), got 0x{frame.kind:02x}")
    return frame.payload


def words(payload: bytes) -> np.ndarray:
    """The output elements of an INFER answer, int64 (elements,). Raises HardwareError for a broken last word."""
    if len(payload) % 4:
        raise HardwareError(f"expected 4 bytes per output element, got {len(payload)} bytes")
    return np.frombuffer(payload, dtype="<i4").astype(np.int64)


class Decoder:
    """Finds frames in a byte stream that may hold noise.

    `max_payload`: frames that claim more are noise; the tighter, the sooner the decoder leaves a false start.
    `discarded`: bytes dropped so far. A frame is only ever returned with a correct checksum.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD) -> None:
        if not 0 <= max_payload <= MAX_PAYLOAD:
            raise HardwareError(f"expected a payload limit of 0 to {MAX_PAYLOAD} bytes, got {max_payload}")
        self.max_payload = max_payload
        self.discarded = 0
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Takes the next bytes, in pieces of any size; gives the frames completed by them, in order."""
        self._held += data
        frames = []
        while True:
            self._seek()
            if len(self._held) < HEADER_BYTES:
                return frames
            version, kind, sequence, length = struct.unpack_from("<BBHH", self._held, len(SYNC))
            if length > self.max_payload:
                self._drop(1)
                continue
            end = HEADER_BYTES + length + CRC_BYTES
            if len(self._held) < end:
                return frames
            (checksum,) = struct.unpack_from("<I", self._held, end - CRC_BYTES)
            if crc32(self._held[len(SYNC) : end - CRC_BYTES]) != checksum:
                self._drop(1)
                continue
            frames.append(Frame(version, kind, sequence, bytes(self._held[HEADER_BYTES : HEADER_BYTES + length])))
            del self._held[:end]

    def reset(self) -> None:
        """Forgets a frame in progress, for use after a silence."""
        self._drop(len(self._held))

    def _seek(self) -> None:
        """Drops what cannot begin a frame."""
        start = self._held.find(SYNC)
        if start < 0:
            start = len(self._held) - (self._held[-1:] == SYNC[:1])
        self._drop(start)

    def _drop(self, count: int) -> None:
        self.discarded += count
        del self._held[:count]
