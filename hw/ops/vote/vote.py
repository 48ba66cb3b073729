"""`vote`: the weighted sum of several members' scores, for an ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hw.errors import HardwareError
from hw.inttype import MAX_BITS, IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.stream import Stream

MAX_INPUTS = 8
MAX_GAIN = 1 << 29


@dataclass(frozen=True)
class Vote:
    """y = sum over i of gains[i] * x_i, element by element, in integers.

    `shape` and `parallel` (elements per beat): of all inputs and of the output. `dtypes`: type of each input, 2 to 8
    of them. `gains`: one integer within -2**29..2**29 for each, which bring the members' score scales to one grid;
    None for 1. The output type is the narrowest that holds every reachable sum. Raises HardwareError for anything
    else, and for sums of more than 48 bits.
    """

    name: str
    shape: tuple[int, ...]
    dtypes: tuple[IntType, ...]
    parallel: int
    gains: tuple[int, ...] | None = None

    kind: ClassVar[str] = "vote"

    def __post_init__(self) -> None:
        gains = (1,) * len(self.dtypes) if self.gains is None else tuple(self.gains)
        for field, value in (("shape", self.shape), ("dtypes", self.dtypes), ("gains", gains)):
            object.__setattr__(self, field, tuple(value))
        if not 2 <= len(self.dtypes) <= MAX_INPUTS:
            raise HardwareError(f"{self.name}: expected 2 to {MAX_INPUTS} inputs, got {len(self.dtypes)}")
        fits = len(gains) == len(self.dtypes) and all(type(g) is int and abs(g) <= MAX_GAIN for g in gains)
        if not fits:
            raise HardwareError(
                f"{self.name}: expected {len(self.dtypes)} integer gains within -2**29..2**29, got {gains}"
            )
        _ = self.inputs
        low, high = self._range()
        if low < -(1 << MAX_BITS - 1) or high >= 1 << MAX_BITS - (low < 0):
            raise HardwareError(f"{self.name}: expected sums of at most {MAX_BITS} bits, got {low}..{high}")

    def _range(self) -> tuple[int, int]:
        """The least and the greatest sum."""
        pairs = zip(self.gains, self.dtypes, strict=True)
        ends = [sorted((gain * dtype.min, gain * dtype.max)) for gain, dtype in pairs]
        return sum(low for low, _ in ends), sum(high for _, high in ends)

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return tuple(Stream(self.shape, dtype, self.parallel) for dtype in self.dtypes)

    @property
    def output(self) -> Stream:
        return Stream(self.shape, IntType.holding(*self._range()), self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.output.beats

    def needs(self) -> tuple[np.ndarray, ...]:
        """Output beat n needs n + 1 beats of each input."""
        return (np.arange(1, self.output.beats + 1),) * len(self.dtypes)

    def golden(self, *values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape) of each input -> int64 (N, *shape)."""
        return sum(gain * value for gain, value in zip(self.gains, values, strict=True))

    def to_onnx(self, builder: OnnxBuilder, *tensors: str) -> str:
        """Raises HardwareError where a partial sum may not be exact in the builder's dtype."""
        largest = [max(-dtype.min, dtype.max) for dtype in self.dtypes]
        total = sum(abs(gain) * size for gain, size in zip(self.gains, largest, strict=True))
        # The inputs themselves must be exact too, also where a gain of 0 takes them out of the sum.
        builder.require_exact(max(total, *largest), self.name)
        parts = [
            tensor if gain == 1 else builder.add("Mul", tensor, builder.number(gain))
            for gain, tensor in zip(self.gains, tensors, strict=True)
        ]
        return builder.add("Sum", *parts)

    def module(self) -> Module:
        """A bipolar value v = 2u - 1 is taken as its code u: gain * v = 2 * gain * u - gain."""
        parameters = {"INPUTS": len(self.dtypes), "PARALLEL": self.parallel, "Y_BITS": self.output.dtype.bits}
        parameters |= {"SUM_BITS": sum(dtype.bits for dtype in self.dtypes)}
        parameters |= {"SIGNED": sum(dtype.signed << i for i, dtype in enumerate(self.dtypes))}
        offset = 0
        for i, (gain, dtype) in enumerate(zip(self.gains, self.dtypes, strict=True)):
            parameters |= {f"BITS{i}": dtype.bits, f"GAIN{i}": 2 * gain if dtype.bipolar else gain}
            offset -= gain if dtype.bipolar else 0
        return Module("vote", parameters | {"OFFSET": offset}, side_by_side=True)

    def resources(self) -> Resources:
        """Per element: an adder for each further power of two of a gain, and the tree, each of a result's bits."""
        bits, count = self.output.dtype.bits, len(self.dtypes)
        adders = count - 1 + sum(max(0, (abs(gain) ^ 3 * abs(gain)).bit_count() - 1) for gain in self.gains)
        return Resources(lut4=self.parallel * bits * adders + 4, ff=self.parallel * bits * 2 * count + count)

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        parameters = {"shape": list(self.shape), "parallel": self.parallel, "gains": list(self.gains)}
        return parameters | {"dtypes": [dtype.name for dtype in self.dtypes]}, {}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> Vote:
        """Raises KeyError or TypeError where `parameters` is not what `to_record` gives."""
        p = dict(parameters)
        return cls(name, tuple(p.pop("shape")), tuple(IntType.parse(dtype) for dtype in p.pop("dtypes")), **p)


OP = Vote
