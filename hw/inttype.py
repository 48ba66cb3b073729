"""Integer types of stream elements, with FINN's names (`UINT8`, `INT4`, `BIPOLAR`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from hw.errors import HardwareError

MAX_BITS = 48


@dataclass(frozen=True, slots=True)
class IntType:
    """One integer type.

    `bits`: 1..48. `signed`: two's complement. `bipolar`: one bit whose code 0 means -1 and code 1 means +1;
    golden models see the values -1 and +1, only the wires see the code.
    """

    bits: int
    signed: bool
    bipolar: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise HardwareError(f"expected 1 to {MAX_BITS} bits, got {self.bits}")
        if self.bipolar and (self.bits != 1 or self.signed):
            raise HardwareError(f"a bipolar type has 1 unsigned bit, got {self.bits} bits signed={self.signed}")

    @property
    def name(self) -> str:
        return "BIPOLAR" if self.bipolar else f"{'INT' if self.signed else 'UINT'}{self.bits}"

    @property
    def min(self) -> int:
        return -1 if self.bipolar else -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        return 1 if self.bipolar else (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @classmethod
    def parse(cls, name: str) -> IntType:
        """`UINT8` -> IntType(8, False). `BINARY` is UINT1. Raises HardwareError for anything else."""
        if name == "BIPOLAR":
            return cls(1, False, True)
        if name == "BINARY":
            return cls(1, False)
        match = re.fullmatch(r"(U?)INT(\d+)", name)
        if match is None:
            raise HardwareError(f"expected a type such as UINT4, INT8 or BIPOLAR, got {name!r}")
        return cls(int(match[2]), not match[1])

    @classmethod
    def holding(cls, low: int, high: int) -> IntType:
        """The narrowest type that holds every integer of [low, high]."""
        if low > high:
            raise HardwareError(f"expected low <= high, got {low} > {high}")
        if low >= 0:
            return cls(max(1, int(high).bit_length()), False)
        return cls(max(int(-low - 1).bit_length(), int(high).bit_length() if high > 0 else 0) + 1, True)

    def check(self, values: np.ndarray, what: str) -> None:
        """Raises HardwareError unless every element of `values` (any integer array) is of this type."""
        if values.size == 0:
            return
        low, high = int(values.min()), int(values.max())
        if low < self.min or high > self.max:
            raise HardwareError(f"{what}: expected {self.name} ({self.min}..{self.max}), got {low}..{high}")
        if self.bipolar and np.any(values == 0):
            raise HardwareError(f"{what}: expected -1 or +1, got 0")

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values to wire codes: int64 in [0, 2**bits), two's complement, or 0/1 for bipolar."""
        values = np.asarray(values, dtype=np.int64)
        return (values + 1) // 2 if self.bipolar else values & ((1 << self.bits) - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Wire codes (int64 in [0, 2**bits)) to values; the inverse of `encode`."""
        codes = np.asarray(codes, dtype=np.int64)
        if self.bipolar:
            return 2 * codes - 1
        return np.where(codes >> (self.bits - 1) != 0, codes - (1 << self.bits), codes) if self.signed else codes
