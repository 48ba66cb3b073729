"""`fork`: copies of one stream, for every operator that takes it (FINN: DuplicateStreams)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream

MAX_COPIES = 8


@dataclass(frozen=True)
class Fork(PlainRecord):
    """`copies` (2 to 8) equal streams of `shape`, `dtype`, `parallel` elements per beat, out of one."""

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    copies: int

    kind: ClassVar[str] = "fork"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if not 2 <= self.copies <= MAX_COPIES:
            raise HardwareError(f"{self.name}: expected 2 to {MAX_COPIES} copies, got {self.copies}")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (self.input,) * self.copies

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Output beat n needs n + 1 beats."""
        return np.arange(1, self.input.beats + 1)

    def golden(self, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """int64 (N, *shape), `copies` times."""
        return (values,) * self.copies

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> tuple[str, ...]:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        return tuple(builder.add("Identity", tensor) for _ in range(self.copies))

    def module(self) -> Module:
        return Module("stream_fork", {"WIDTH": self.input.width, "COPIES": self.copies}, side_by_side=True)

    def resources(self) -> Resources:
        """Per copy a flip-flop, its next value and the valid; one tree for all that are served."""
        return Resources(lut4=2 * self.copies + (self.copies + 2) // 3, ff=self.copies)


OP = Fork
