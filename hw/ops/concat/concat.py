"""`concat`: streams joined along their channels (FINN: StreamingConcat)."""

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

MAX_INPUTS = 8


@dataclass(frozen=True)
class Concat(PlainRecord):
    """The channels of 2 to 8 streams, one after the other in each pixel.

    `shape`: (H, W), or () for vectors; the inputs are (*shape, channels[i]), the output (*shape, sum of `channels`).
    `dtype` and `parallel`: of all streams; `parallel` divides each of `channels`. Raises HardwareError for anything
    else.
    """

    name: str
    shape: tuple[int, ...]
    channels: tuple[int, ...]
    dtype: IntType
    parallel: int

    kind: ClassVar[str] = "concat"

    def __post_init__(self) -> None:
        for field in ("shape", "channels"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if len(self.shape) not in (0, 2):
            raise HardwareError(f"{self.name}: expected pixels of shape () or (H, W), got {self.shape}")
        if not 2 <= len(self.channels) <= MAX_INPUTS:
            raise HardwareError(f"{self.name}: expected 2 to {MAX_INPUTS} inputs, got {len(self.channels)}")
        _ = self.inputs

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return tuple(Stream((*self.shape, count), self.dtype, self.parallel) for count in self.channels)

    @property
    def output(self) -> Stream:
        return Stream((*self.shape, sum(self.channels)), self.dtype, self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.output.beats

    def needs(self) -> tuple[np.ndarray, ...]:
        """Of each input, its beats in the output so far."""
        folds = [count // self.parallel for count in self.channels]
        turns = np.tile(np.repeat(np.arange(len(folds)), folds), self.output.beats // sum(folds))
        return tuple(np.cumsum(turns == index) for index in range(len(folds)))

    def golden(self, *values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape, channels[i]) each -> int64 (N, *shape, sum of channels)."""
        return np.concatenate(values, axis=-1)

    def to_onnx(self, builder: OnnxBuilder, *tensors: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        return builder.add("Concat", *tensors, axis=len(self.output.shape))

    def module(self) -> Module:
        parameters = {"WIDTH": self.output.width, "INPUTS": len(self.channels)}
        parameters |= {f"FOLDS{i}": count // self.parallel for i, count in enumerate(self.channels)}
        return Module("concat", parameters, side_by_side=True)

    def resources(self) -> Resources:
        """A multiplexer in front of the output register; whose turn it is, and the count within it."""
        inputs, count = len(self.channels), (max(self.channels) // self.parallel).bit_length()
        per_bit = 1 if inputs == 2 else (2 * inputs + 2) // 3
        return Resources(
            lut4=self.output.width * per_bit + 3 * inputs + 2 * count, ff=self.output.width + inputs + count + 1
        )


OP = Concat
