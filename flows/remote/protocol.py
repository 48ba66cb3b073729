"""The frames between a `RemoteTarget` and a server: fixed layouts and bounded sizes, nothing that runs code.

A frame: magic `HFR1`, kind (1 byte), three zero bytes, length of the payload (uint32), payload. All integers of the
frames are big-endian; pixels are uint8, scores int64 little-endian. The table is in `docs/remote.md`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from dataclasses import asdict, dataclass

import numpy as np

from flows.errors import FlowError

MAGIC, VERSION = b"HFR1", 1
HEADER = struct.Struct("!4sB3xI")
CHALLENGE, HELLO, WELCOME, PREDICT, SCORES, WAIT, ERROR = range(1, 8)
KINDS = {CHALLENGE: "challenge", HELLO: "hello", WELCOME: "welcome", PREDICT: "predict", SCORES: "scores"}
KINDS |= {WAIT: "wait", ERROR: "error"}
#: Why a server refuses. After BAD_REQUEST and TARGET_FAILED the connection stays open, after the others it is closed.
BAD_FRAME, BAD_VERSION, BAD_TOKEN, BUSY, TOO_SLOW, BAD_REQUEST, TARGET_FAILED, STOPPING = range(1, 9)

NONCE = 32
MAX_SMALL = 4096  # bytes of any payload but images and scores
MAX_PAYLOAD = 64 << 20
_HELLO = struct.Struct(f"!H{NONCE}s")
_CHALLENGE = struct.Struct(f"!H{NONCE}s")
_COUNT = struct.Struct("!II")  # request, images
_SCORES = struct.Struct("!III")  # request, images, classes
_ERROR = struct.Struct("!H")


class ProtocolError(FlowError):
    """What came is not a frame of this protocol, or not the one that was due."""


@dataclass(frozen=True)
class Welcome:
    """What a server serves. `network`: sha256 of the dataflow. `shape`: (C, H, W) of an image. `dtype`: of its pixels.
    `max_images`: in one request."""

    version: int
    target: str
    network: str
    shape: tuple[int, int, int]
    classes: int
    dtype: str
    max_images: int

    @property
    def image_bytes(self) -> int:
        channels, height, width = self.shape
        return channels * height * width


def frame(kind: int, payload: bytes = b"") -> bytes:
    """A whole frame."""
    return HEADER.pack(MAGIC, kind, len(payload)) + payload


def parse_header(header: bytes, limits: dict[int, int]) -> tuple[int, int]:
    """(kind, length of the payload). `limits`: the kinds that may come now and the longest payload of each.

    Raises ProtocolError for anything else, before a byte of the payload is read.
    """
    magic, kind, length = HEADER.unpack(header)
    if magic != MAGIC or header[5:8] != bytes(3):
        raise ProtocolError(f"expected a frame of Holdfast's protocol {VERSION}, got bytes {header.hex()}")
    if kind not in limits:
        due = " or ".join(KINDS[known] for known in limits)
        raise ProtocolError(f"expected a frame {due}, got {KINDS.get(kind, f'kind {kind}')}")
    if length > limits[kind]:
        raise ProtocolError(f"{KINDS[kind]}: expected at most {limits[kind]} bytes, got {length}")
    return kind, length


def proof(token: str, nonce: bytes) -> bytes:
    """Shows that the sender knows the token without sending it: HMAC-SHA256 of the server's challenge (RFC 2104)."""
    return hmac.new(token.encode(), b"holdfast-remote-1" + nonce, hashlib.sha256).digest()


def is_proof(claimed: bytes, token: str, nonce: bytes) -> bool:
    """Whether `claimed` is the proof, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(claimed, proof(token, nonce))


def pack_challenge(nonce: bytes) -> bytes:
    return _CHALLENGE.pack(VERSION, nonce)


def parse_challenge(payload: bytes) -> bytes:
    """The nonce. Raises ProtocolError for another version."""
    return _versioned(_CHALLENGE, payload, "challenge")


def pack_hello(proof: bytes) -> bytes:
    return _HELLO.pack(VERSION, proof)


def parse_hello(payload: bytes) -> bytes:
    """The proof. Raises ProtocolError for another version."""
    return _versioned(_HELLO, payload, "hello")


def pack_welcome(welcome: Welcome) -> bytes:
    return json.dumps(asdict(welcome)).encode()


def parse_welcome(payload: bytes) -> Welcome:
    """Raises ProtocolError unless every field is there and sensible."""
    try:
        record = json.loads(payload)
        channels, height, width = record.pop("shape")
        welcome = Welcome(shape=(channels, height, width), **record)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ProtocolError(f"welcome: expected the server's description, got {error}") from error
    numbers = (welcome.version, *welcome.shape, welcome.classes, welcome.max_images)
    texts = (welcome.target, welcome.network, welcome.dtype)
    if not all(type(number) is int and 0 < number < 1 << 31 for number in numbers):
        raise ProtocolError(f"welcome: expected positive whole numbers, got {numbers}")
    if not all(type(text) is str for text in texts) or welcome.dtype != "uint8" or welcome.version != VERSION:
        raise ProtocolError(f"welcome: expected version {VERSION} with uint8 pixels, got {welcome}")
    if max(welcome.image_bytes, 8 * welcome.classes) * welcome.max_images > MAX_PAYLOAD:
        raise ProtocolError(f"welcome: expected requests of at most {MAX_PAYLOAD} bytes, got {welcome}")
    return welcome


def pack_predict(request: int, images: np.ndarray) -> bytes:
    """`images`: uint8 (N, C, H, W)."""
    return _COUNT.pack(request, len(images)) + images.tobytes()


def predict_limit(welcome: Welcome) -> int:
    """The longest payload of a predict frame in bytes."""
    return _COUNT.size + welcome.max_images * welcome.image_bytes


def request_number(payload: bytes) -> int:
    """The request that a predict, scores or wait payload speaks of. Raises ProtocolError where it is too short."""
    if len(payload) < 4:
        raise ProtocolError(f"expected a request's number, got {len(payload)} bytes")
    return struct.unpack_from("!I", payload)[0]


def parse_predict(payload: bytes, welcome: Welcome) -> np.ndarray:
    """uint8 (N, C, H, W). Raises ProtocolError where the count and the bytes do not agree."""
    if len(payload) < _COUNT.size:
        raise ProtocolError(f"predict: expected at least {_COUNT.size} bytes, got {len(payload)}")
    _, count = _COUNT.unpack_from(payload)
    held = len(payload) - _COUNT.size
    if not 1 <= count <= welcome.max_images:
        raise ProtocolError(f"predict: expected 1 to {welcome.max_images} images, got {count}")
    if held != count * welcome.image_bytes:
        raise ProtocolError(f"predict: expected {count} images of {welcome.image_bytes} bytes, got {held} bytes")
    return np.frombuffer(payload, np.uint8, offset=_COUNT.size).reshape(count, *welcome.shape)


def pack_scores(request: int, scores: np.ndarray) -> bytes:
    """`scores`: int64 (N, classes)."""
    return _SCORES.pack(request, *scores.shape) + scores.astype("<i8").tobytes()


def scores_limit(welcome: Welcome) -> int:
    """The longest payload of a scores frame in bytes."""
    return _SCORES.size + 8 * welcome.max_images * welcome.classes


def parse_scores(payload: bytes, images: int, classes: int) -> np.ndarray:
    """int64 (images, classes). Raises ProtocolError for any other size."""
    if len(payload) != _SCORES.size + 8 * images * classes or _SCORES.unpack_from(payload)[1:] != (images, classes):
        raise ProtocolError(f"scores: expected {images} rows of {classes}, got {len(payload)} bytes of another size")
    return np.frombuffer(payload, "<i8", offset=_SCORES.size).reshape(images, classes).astype(np.int64)


def pack_wait(request: int) -> bytes:
    return struct.pack("!I", request)


def pack_error(code: int, text: str) -> bytes:
    return _ERROR.pack(code) + text.encode("utf-8", "replace")[: MAX_SMALL - _ERROR.size]


def parse_error(payload: bytes) -> tuple[int, str]:
    """(code, text fit for a terminal)."""
    if len(payload) < _ERROR.size:
        raise ProtocolError("error: expected a code and a text, got neither")
    text = payload[_ERROR.size :].decode("utf-8", "replace")
    return _ERROR.unpack_from(payload)[0], "".join(c if c.isprintable() else " " for c in text)


def _versioned(layout: struct.Struct, payload: bytes, what: str) -> bytes:
    version = struct.unpack_from("!H", payload)[0] if len(payload) >= 2 else None
    if version != VERSION or len(payload) != layout.size:
        raise ProtocolError(
            f"{what}: expected version {VERSION} in {layout.size} bytes, got version {version} in {len(payload)}; "
            "use the same version on both sides"
        )
    return layout.unpack(payload)[1]
