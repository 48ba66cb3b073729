"""`width_converter`: changes how many elements travel in a beat; the values pass through unchanged."""

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


@dataclass(frozen=True)
class WidthConverter(PlainRecord):
    """From `parallel_in` to `parallel_out` elements per beat; one must be a multiple of the other."""

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel_in: int
    parallel_out: int

    kind: ClassVar[str] = "width_converter"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        _ = self.input, self.output
        wide, narrow = max(self.parallel_in, self.parallel_out), min(self.parallel_in, self.parallel_out)
        if wide % narrow:
            raise HardwareError(
                f"{self.name}: expected elements per beat in a whole ratio, got {self.parallel_in} to "
                f"{self.parallel_out}; chain two converters"
            )

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel_in)

    @property
    def output(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel_out)

    @property
    def cycles_per_frame(self) -> int:
        return max(self.input.beats, self.output.beats)

    def needs(self) -> np.ndarray:
        """What the elements of the output so far fill, the last beat in part."""
        return -(-np.arange(1, self.output.beats + 1) * self.parallel_out // self.parallel_in)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape), returned as they are."""
        return values

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        return builder.add("Identity", tensor)

    def module(self) -> Module:
        return Module("width_converter", {"IN_WIDTH": self.input.width, "OUT_WIDTH": self.output.width})

    def resources(self) -> Resources:
        wide = max(self.input.width, self.output.width)
        count = (wide // min(self.input.width, self.output.width) - 1).bit_length()
        narrowing = wide if self.parallel_in > self.parallel_out else 0
        return Resources(lut4=narrowing + count + 4, ff=wide + count + 1)


OP = WidthConverter
