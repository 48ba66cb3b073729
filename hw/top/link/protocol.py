"""Frames between host and board: checksum, encoder, resynchronising decoder. The layout is in README.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np

from hw.errors import HardwareError

SYNC = b"\x48\x46"
VERSION = 1
ANSWER = 0x80
HEADER_BYTES = 6
CRC_BYTES = 2
MAX_PAYLOAD = 0xFFFF


class Kind(IntEnum):
    """Frame types. An answer to a request that was carried out has the request's type with bit 7 set."""

    PING = 0x01
    INFO = 0x02
    INFER = 0x03
    ERROR = 0xFF


class Refusal(IntEnum):
    """The one payload byte of an ERROR answer."""

    BAD_CRC = 1
    BAD_VERSION = 2
    BAD_TYPE = 3
    BAD_LENGTH = 4
    TRUNCATED = 5


class LinkError(HardwareError):
    """The board refused a request; `refusal` says why."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Frame:
    """`version` 0..255, `kind` 0..255 (unknown ones are passed on), `payload` up to 65535 bytes."""

    version: int
    kind: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Info:
    """`network_id`: 32-bit hash of the circuit's sources. `input_bytes`: payload of INFER. `output_words`: elements
    of its answer."""

    network_id: int
    input_bytes: int
    output_words: int

    @classmethod
    def parse(cls, payload: bytes) -> Info:
        """Raises HardwareError unless `payload` has the 8 bytes of an INFO answer."""
        if len(payload) != 8:
            raise HardwareError(f"expected 8 bytes of network information, got {len(payload)}")
        return cls(*struct.unpack("<IHH", payload))


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        table.append(crc & 0xFFFF)
    return tuple(table)


def crc16(data: bytes, crc: int = 0xFFFF) -> int:
    """CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF, no reflection): 0x29B1 for b"123456789".

    `crc`: the checksum of what came before `data`.
    """
    table = _crc_table()
    for byte in data:
        crc = (crc << 8) & 0xFFFF ^ table[crc >> 8 ^ byte]
    return crc


def encode_frame(kind: int, payload: bytes = b"", version: int = VERSION) -> bytes:
    """One whole frame, of either direction. Raises HardwareError for a payload above 65535 bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise HardwareError(f"expected at most {MAX_PAYLOAD} payload bytes, got {len(payload)}")
    body = struct.pack("<BBH", version, kind, len(payload)) + payload
    return SYNC + body + struct.pack(">H", crc16(body))


def encode_request(kind: Kind, payload: bytes = b"") -> bytes:
    """A request. PING and INFO have no payload; INFER has one byte per pixel code, in the input stream's order
    (H, W, C). Raises HardwareError for ERROR, which is no request, and for a payload where none belongs."""
    if kind not in (Kind.PING, Kind.INFO, Kind.INFER):
        raise HardwareError(f"expected PING, INFO or INFER, got {kind!r}")
    if bool(payload) != (kind is Kind.INFER):
        wanted = "payload" if kind is Kind.INFER else "no payload"
        raise HardwareError(f"{kind.name}: expected {wanted}, got {len(payload)} bytes")
    return encode_frame(kind, payload)


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
            version, kind, length = struct.unpack_from("<BBH", self._held, len(SYNC))
            if length > self.max_payload:
                self._drop(1)
                continue
            end = HEADER_BYTES + length + CRC_BYTES
            if len(self._held) < end:
                return frames
            # The checksum bytes, run through the checksum themselves, leave zero.
            if crc16(self._held[len(SYNC) : end]):
                self._drop(1)
                continue
            frames.append(Frame(version, kind, bytes(self._held[HEADER_BYTES : HEADER_BYTES + length])))
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
