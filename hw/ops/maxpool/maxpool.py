"""`maxpool`: the maximum of every square window, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream


@dataclass(frozen=True)
class MaxPool(PlainRecord):
    """Windows of `kernel` x `kernel` pixels, `kernel` apart; rows and columns that do not fill one are dropped.

    `shape`: (H, W, C) of the input, H and W at least `kernel`, which is at least 2. Any `dtype`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    kernel: int

    kind: ClassVar[str] = "maxpool"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected a shape (H, W, C), got {self.shape}")
        if self.kernel < 2:
            raise HardwareError(f"{self.name}: expected a kernel of at least 2, got {self.kernel}")
        if min(self.shape[:2]) < self.kernel:
            raise HardwareError(f"{self.name}: expected at least {self.kernel} rows and columns, got {self.shape}")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        height, width, channels = self.shape
        return Stream((height // self.kernel, width // self.kernel, channels), self.dtype, self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Up to the last beat of the window."""
        height, width, _ = self.output.shape
        folds = self.shape[2] // self.parallel
        row, column, fold = np.indices((height, width, folds))
        last = ((row + 1) * self.kernel - 1) * self.shape[1] + (column + 1) * self.kernel - 1
        return (last * folds + fold + 1).reshape(-1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, H // kernel, W // kernel, C)."""
        height, width, channels = self.output.shape
        k = self.kernel
        windows = values[:, : height * k, : width * k].reshape(-1, height, k, width, k, channels)
        return windows.max(axis=(2, 4))

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        sides = [self.kernel, self.kernel]
        planes = builder.add("Transpose", tensor, perm=[0, 3, 1, 2])
        pooled = builder.add("MaxPool", planes, kernel_shape=sides, strides=sides)
        return builder.add("Transpose", pooled, perm=[0, 2, 3, 1])

    def module(self) -> Module:
        height, width, channels = self.shape
        return Module(
            "maxpool",
            {
                "ELEMENT_BITS": self.dtype.bits,
                "SIGNED": int(self.dtype.signed),
                "PARALLEL": self.parallel,
                "FOLD": channels // self.parallel,
                "HEIGHT": height,
                "WIDTH": width,
                "KERNEL": self.kernel,
            },
        )

    def resources(self) -> Resources:
        """The maxima count as distributed memory (16 words x 4 bits take 6 LUT4 of an ECP5)."""
        height, width, channels = self.shape
        fold, bits = channels // self.parallel, self.output.width
        words = width // self.kernel * fold
        counters = sum(size.bit_length() for size in (height, width, fold, self.kernel, self.kernel, words))
        memory = 6 * ceil(words / 16) * ceil(bits / 4)
        return Resources(lut4=memory + 2 * bits + 3 * counters, ff=counters + bits + 1)


OP = MaxPool
