"""One AXI4-Stream edge of the dataflow: what flows and how it is folded into beats."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from hw.errors import HardwareError
from hw.inttype import IntType


@dataclass(frozen=True, slots=True)
class Stream:
    """Elements of one frame and how many of them travel in a beat.

    `shape`: one frame without the batch axis, `(H, W, C)` or `(C,)`; elements travel in C order of this shape
    (NHWC). `parallel`: elements per beat, a divisor of the last axis; element 0 of a beat is in the least
    significant bits. Ports: `data[width-1:0]`, `valid`, `ready`; a beat moves when valid and ready are both
    high at a rising clock edge; valid never waits for ready and data holds still while valid && !ready.
    """

    shape: tuple[int, ...]
    dtype: IntType
    parallel: int

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise HardwareError(f"expected a shape (C,) or (H, W, C) of positive sizes, got {self.shape}")
        if self.parallel < 1 or self.shape[-1] % self.parallel:
            raise HardwareError(f"expected elements per beat to divide {self.shape[-1]}, got {self.parallel}")

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.elements // self.parallel

    @property
    def width(self) -> int:
        """Bits of `data`."""
        return self.parallel * self.dtype.bits
