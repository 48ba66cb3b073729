"""`add`: a weighted sum of two streams, where branches of the network meet (FINN: AddStreams)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hw.errors import HardwareError
from hw.inttype import MAX_BITS, IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream


@dataclass(frozen=True)
class Add(PlainRecord):
    """y = gain_a * a + gain_b * b + offset, element by element, in integers.

    `shape`: of all three streams; `parallel`: elements per beat of all three. `type_a`, `type_b`: of the inputs.
    `gain_a`, `gain_b`, `offset`: any sign. The output type is the narrowest that holds every reachable y. Raises
    HardwareError where that would need more than 48 bits.
    """

    name: str
    shape: tuple[int, ...]
    type_a: IntType
    type_b: IntType
    parallel: int
    gain_a: int
    gain_b: int
    offset: int

    kind: ClassVar[str] = "add"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        _ = self.inputs
        low, high = self._range()
        if low < -(1 << MAX_BITS - 1) or high >= 1 << MAX_BITS - (low < 0):
            raise HardwareError(f"{self.name}: expected sums of at most {MAX_BITS} bits, got {low}..{high}")

    def _range(self) -> tuple[int, int]:
        """The least and the greatest result."""
        pairs = ((self.gain_a, self.type_a), (self.gain_b, self.type_b))
        ends = [sorted((gain * dtype.min, gain * dtype.max)) for gain, dtype in pairs]
        return sum(low for low, _ in ends) + self.offset, sum(high for _, high in ends) + self.offset

    @property
    def inputs(self) -> tuple[Stream, Stream]:
        return Stream(self.shape, self.type_a, self.parallel), Stream(self.shape, self.type_b, self.parallel)

    @property
    def output(self) -> Stream:
        return Stream(self.shape, IntType.holding(*self._range()), self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.output.beats

    def needs(self) -> tuple[np.ndarray, np.ndarray]:
        """Output beat n needs n + 1 beats of either input."""
        return (np.arange(1, self.output.beats + 1),) * 2

    def golden(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """int64 (N, *shape) twice -> int64 (N, *shape)."""
        return self.gain_a * a + self.gain_b * b + self.offset

    def to_onnx(self, builder: OnnxBuilder, a: str, b: str) -> str:
        """Raises HardwareError where a partial sum may not be exact in the builder's dtype."""
        pairs = ((self.gain_a, self.type_a), (self.gain_b, self.type_b))
        largest = sum(abs(gain) * max(-dtype.min, dtype.max) for gain, dtype in pairs)
        # The inputs and constants themselves must be exact too, also where a gain of 0 takes them out of the sum.
        constants = (abs(self.gain_a), abs(self.gain_b), -self.type_a.min, self.type_a.max, -self.type_b.min)
        builder.require_exact(max(largest + abs(self.offset), *constants, self.type_b.max), self.name)
        parts = [builder.add("Mul", t, builder.number(g)) for t, g in ((a, self.gain_a), (b, self.gain_b))]
        return builder.add("Add", builder.add("Add", *parts), builder.number(self.offset))

    def module(self) -> Module:
        """A bipolar value v = 2u - 1 is taken as its code u: gain * v = 2 * gain * u - gain."""
        parameters = {"PARALLEL": self.parallel, "Y_BITS": self.output.dtype.bits}
        offset = self.offset
        for side, gain, dtype in (("A", self.gain_a, self.type_a), ("B", self.gain_b, self.type_b)):
            offset -= gain if dtype.bipolar else 0
            parameters |= {f"{side}_BITS": dtype.bits, f"{side}_SIGNED": int(dtype.signed)}
            parameters |= {f"GAIN_{side}": 2 * gain if dtype.bipolar else gain}
        return Module("add", parameters | {"OFFSET": offset})

    def resources(self) -> Resources:
        """Per element: an adder for each further power of two of a gain and for the offset, and the sum."""
        bits = self.output.dtype.bits
        adders = 1 + bool(self.offset) + sum(max(0, _powers(gain) - 1) for gain in (self.gain_a, self.gain_b))
        return Resources(lut4=self.parallel * bits * adders + 4, ff=3 * self.parallel * bits + 2)


def _powers(gain: int) -> int:
    """Powers of two in the non-adjacent form of a gain."""
    return (abs(gain) ^ 3 * abs(gain)).bit_count()


OP = Add
