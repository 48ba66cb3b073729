"""PNG files as data URIs, without an imaging library (W3C PNG specification, third edition, sections 5 and 11)."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _PALETTE = 2, 3


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _uri(pixels: np.ndarray, colour_type: int, extra: bytes = b"") -> str:
    """`pixels`: uint8 (H, bytes per row)."""
    height, width = pixels.shape[0], pixels.shape[1] // (3 if colour_type == _RGB else 1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)  # filter type 0 before each row
    body = _chunk(b"IHDR", header) + extra + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(_SIGNATURE + body).decode("ascii")


def rgb_uri(pixels: np.ndarray) -> str:
    """uint8 (H, W, 3) -> data URI."""
    return _uri(np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1), _RGB)


def grey_uri(pixels: np.ndarray) -> str:
    """uint8 (H, W), 0 black, 255 white -> data URI."""
    return rgb_uri(np.repeat(pixels[:, :, None], 3, axis=2))


def palette_uri(indices: np.ndarray, colours: list[tuple[int, int, int]]) -> str:
    """uint8 (H, W) of palette indices -> data URI; index 0 is transparent, index i > 0 is `colours[i - 1]` (RGB).

    At most 255 colours.
    """
    table = bytes(channel for colour in [(0, 0, 0), *colours] for channel in colour)
    return _uri(np.ascontiguousarray(indices), _PALETTE, _chunk(b"PLTE", table) + _chunk(b"tRNS", b"\x00"))
