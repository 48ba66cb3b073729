"""`pad`: a border of one constant around every channel of an image."""

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
class Pad(PlainRecord):
    """`shape`: (H, W, C) of the input. `pads`: (top, left, bottom, right), none negative. `value`: of `dtype`."""

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    pads: tuple[int, ...]
    value: int

    kind: ClassVar[str] = "pad"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "pads", tuple(self.pads))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected a shape (H, W, C), got {self.shape}")
        if len(self.pads) != 4 or min(self.pads) < 0:
            raise HardwareError(f"{self.name}: expected pads (top, left, bottom, right) of 0 or more, got {self.pads}")
        self.dtype.check(np.array([self.value]), f"{self.name}: value")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        height, width, channels = self.shape
        top, left, bottom, right = self.pads
        return Stream((height + top + bottom, width + left + right, channels), self.dtype, self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.output.beats

    def needs(self) -> np.ndarray:
        """The beats inside the border so far; the border in front waits for the first one."""
        inside = np.zeros((*self.output.shape[:2], self.shape[2] // self.parallel), np.int64)
        inside[self.pads[0] :, self.pads[1] :][: self.shape[0], : self.shape[1]] = 1
        return np.maximum(np.cumsum(inside), 1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, H + top + bottom, W + left + right, C)."""
        top, left, bottom, right = self.pads
        border = ((0, 0), (top, bottom), (left, right), (0, 0))
        return np.pad(values, border, constant_values=self.value)

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        top, left, bottom, right = self.pads
        border = builder.constant(np.array([0, top, left, 0, 0, bottom, right, 0], dtype=np.int64))
        return builder.add("Pad", tensor, border, builder.number(self.value))

    def module(self) -> Module:
        height, width, channels = self.shape
        top, left, bottom, right = self.pads
        code = int(self.dtype.encode(np.array([self.value]))[0])
        return Module(
            "pad",
            {
                "ELEMENT_BITS": self.dtype.bits,
                "PARALLEL": self.parallel,
                "FOLD": channels // self.parallel,
                "HEIGHT": height,
                "WIDTH": width,
                "TOP": top,
                "LEFT": left,
                "BOTTOM": bottom,
                "RIGHT": right,
                "VALUE": code,
            },
        )

    def resources(self) -> Resources:
        height, width, channels = self.output.shape
        counters = sum(size.bit_length() for size in (height, width, channels // self.parallel))
        return Resources(lut4=3 * counters + self.output.width // 2 + 2, ff=counters + self.output.width + 4)


OP = Pad
