"""What goes in and out of an accelerator: images to bytes, bytes to scores. Read from `interface.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.pynq.packing import ElementType, element_type, pack, unpack, word_bytes

NHWC, NCHW = "NHWC", "NCHW"


@dataclass(frozen=True)
class Port:
    """`folded`: shape of one frame as the stream has it, its last dimension one word."""

    kind: ElementType
    folded: tuple[int, ...]

    @property
    def packed(self) -> tuple[int, ...]:
        """Shape of one frame's bytes."""
        return (*self.folded[:-1], word_bytes(self.folded[-1], self.kind))

    def pack(self, frames: np.ndarray) -> np.ndarray:
        """Integers (N, ...) in the order of the stream -> uint8 (N, *packed)."""
        return pack(frames.reshape(len(frames), *self.folded), self.kind)

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """uint8 (N, *packed) -> int64 (N, elements)."""
        return unpack(packed, self.kind, self.folded[-1]).reshape(len(packed), -1)


@dataclass(frozen=True)
class Interface:
    """`image`: (C, H, W); `layout`: the order of its elements in the stream. Our scores are
    `((sum * sign) << shift) + bias`, class by class."""

    image: tuple[int, int, int]
    layout: str
    input: Port
    output: Port
    signs: np.ndarray
    shift: int
    bias: np.ndarray

    @property
    def classes(self) -> int:
        return len(self.bias)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> uint8 (N, *input.packed). Raises FlowError for other images."""
        if images.dtype != np.uint8 or images.shape[1:] != self.image:
            raise FlowError(f"expected uint8 images (N, {self.image}), got {images.dtype} {images.shape}")
        return self.input.pack(images.transpose(0, 2, 3, 1) if self.layout == NHWC else images)

    def decode(self, packed: np.ndarray) -> np.ndarray:
        """uint8 (N, *output.packed) -> int64 scores (N, classes)."""
        return ((self.output.unpack(packed) * self.signs) << self.shift) + self.bias


def read_interface(path: Path) -> Interface:
    """Raises FlowError unless the file holds a whole interface."""
    try:
        record = json.loads(path.read_text())
        scores = record["scores"]
        found = Interface(
            tuple(map(int, record["image"])),
            str(record["layout"]),
            _port(record["input"]),
            _port(record["output"]),
            np.array(scores["signs"], np.int64),
            int(scores["shift"]),
            np.array(scores["bias"], np.int64),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowError(f"{path}: expected the interface that build-amd wrote, got {error!r}") from error
    sizes = (prod(found.image), prod(found.input.folded)), (found.classes, prod(found.output.folded))
    if any(ours != theirs for ours, theirs in sizes) or found.layout not in (NHWC, NCHW):
        raise FlowError(f"{path}: expected as many elements in the streams as in an image and its scores, got {sizes}")
    return found


def _port(record: dict) -> Port:
    return Port(element_type(record["dtype"]), tuple(int(size) for size in record["folded"][1:]))
