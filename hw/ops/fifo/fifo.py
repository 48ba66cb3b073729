"""`fifo`: a buffer between two operators; the values pass through unchanged."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from math import ceil
from typing import ClassVar

import numpy as np

from hw.ecp5_memory import LUT4_PER_BLOCK, LUT4_PER_CELL, block_rams
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream

MAX_DEPTH = 1 << 16  # beats; far more than any row of pixels, and few enough to simulate
MIN_BLOCK_DEPTH = 4


@dataclass(frozen=True)
class Fifo(PlainRecord):
    """Holds up to `depth` (2 to 65536) beats of a stream of `shape`, `dtype`, `parallel` elements per beat.

    In block RAM where that is smaller, in distributed memory otherwise."""

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

    @property
    def in_blocks(self) -> bool:
        """Whether the beats lie in block RAM: where its share of the device is less than that of the logic it saves."""
        if self.depth < MIN_BLOCK_DEPTH:
            return False
        logic, blocks = self._in_logic(), self._in_block_ram()
        return logic.lut4 + logic.ff > blocks.lut4 + blocks.ff + LUT4_PER_BLOCK * blocks.ebr

    @property
    def latency(self) -> int:
        """Cycles after which a beat that enters the empty fifo is offered."""
        return 3 if self.in_blocks else 1

    def module(self) -> Module:
        return Module("fifo", {"WIDTH": self.input.width, "DEPTH": self.depth, "BLOCK": int(self.in_blocks)})

    def resources(self) -> Resources:
        """Three counters and the memory. Fitted to `python -m benchmarks.resources`."""
        return self._in_block_ram() if self.in_blocks else self._in_logic()

    def least(self) -> Resources:
        """What a fifo of this width takes at any depth, each resource by itself."""
        logic, blocks = (replace(self, depth=depth) for depth in (2, MIN_BLOCK_DEPTH))
        pairs = zip(astuple(logic._in_logic()), astuple(blocks._in_block_ram()), strict=True)
        return Resources(*map(min, pairs))

    def _in_logic(self) -> Resources:
        """Distributed memory, 6 LUT4 for 16 words of 4 bits, its multiplexers and write enables."""
        width, slots = self.input.width, self.depth - 1
        if slots == 1:
            return Resources(lut4=width + 12, ff=2 * width + 4)
        pointer, count, deep = (slots - 1).bit_length(), slots.bit_length(), ceil(slots / 16)
        memory = LUT4_PER_CELL * deep * ceil(width / 4) + (width + 3) * (deep - 1)
        return Resources(lut4=memory + width + 12 * count + 5, ff=width + 2 * pointer + 2 * count + 3)

    def _in_block_ram(self) -> Resources:
        """One beat in the read register of the block RAM, one in the output register."""
        width, slots = self.input.width, self.depth - 2
        pointer, count = (slots - 1).bit_length(), slots.bit_length()
        turn = 0 if slots == 1 << pointer else 2 * pointer + 7  # of pointers that do not turn by themselves
        return Resources(7 * count + turn, width + 2 * pointer + count + 4, block_rams(slots, width))


OP = Fifo
