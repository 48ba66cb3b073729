"""`fifo`: a buffer between two operators; the values pass through unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np

from hw.ecp5_memory import LUT4_PER_CELL
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream

MAX_DEPTH = 1 << 16  # beats; far more than any row of pixels, and few enough to simulate


@dataclass(frozen=True)
class Fifo(PlainRecord):
    """Holds up to `depth` (2 to 65536) beats of a stream of `shape`, `dtype`, `parallel` elements per beat."""

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    depth: int

    kind: ClassVar[str] = "fifo"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.depth < 2:
            raise HardwareError(f"{self.name}: expected a fifo depth of at least 2, got {self.depth}")
        if self.depth > MAX_DEPTH:
            raise HardwareError(f"{self.name}: expected a fifo depth of at most {MAX_DEPTH}, got {self.depth}")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        return self.input

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Output beat n needs n + 1 beats."""
        return np.arange(1, self.output.beats + 1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape), returned as they are."""
        return values

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        return builder.add("Identity", tensor)

    def module(self) -> Module:
        return Module("fifo", {"WIDTH": self.input.width, "DEPTH": self.depth})

    def resources(self) -> Resources:
        """Distributed memory, 6 LUT4 for 16 words of 4 bits, its multiplexers and write enables; three counters.

        Fitted to `python -m benchmarks.resources`.
        """
        width, slots = self.input.width, self.depth - 1
        if slots == 1:
            return Resources(lut4=width + 12, ff=2 * width + 4)
        pointer, count, deep = (slots - 1).bit_length(), slots.bit_length(), ceil(slots / 16)
        memory = LUT4_PER_CELL * deep * ceil(width / 4) + (width + 3) * (deep - 1)
        return Resources(lut4=memory + width + 12 * count + 5, ff=width + 2 * pointer + 2 * count + 3)


OP = Fifo
