"""`maxpool`: the maximum of every window, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hw.ecp5_memory import LUT4_PER_CELL
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream


@dataclass(frozen=True)
class MaxPool(PlainRecord):
    """Windows of `kernel` (kh, kw) pixels, `stride` (sh, sw) apart; what does not fill one is dropped.

    `shape`: (H, W, C) of the input. `kernel`: within the image; an integer for a square. `stride`: at least 1, an
    integer for both, None for the kernel. Any `dtype`. Windows may overlap. A pool of 1 x 1 without a stride is
    refused. Padding is a `pad` in front with the smallest value of `dtype`, which no maximum notices.
    """

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...] | None = None

    kind: ClassVar[str] = "maxpool"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "kernel", _pair(self.kernel))
        object.__setattr__(self, "stride", self.kernel if self.stride is None else _pair(self.stride))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected a shape (H, W, C), got {self.shape}")
        if len(self.kernel) != 2 or any(not 1 <= k <= n for k, n in zip(self.kernel, self.shape, strict=False)):
            raise HardwareError(
                f"{self.name}: expected a kernel (kh, kw) within the image {self.shape[:2]}, got {self.kernel}"
            )
        if len(self.stride) != 2 or min(self.stride) < 1:
            raise HardwareError(f"{self.name}: expected a stride (sh, sw) of at least 1, got {self.stride}")
        if (*self.kernel, *self.stride) == (1, 1, 1, 1):
            raise HardwareError(f"{self.name}: expected a kernel or a stride above 1, got none: leave the pool out")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        sides = zip(self.shape[:2], self.kernel, self.stride, strict=True)
        height, width = ((n - k) // s + 1 for n, k, s in sides)
        return Stream((height, width, self.shape[2]), self.dtype, self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Of each output beat, the input beats up to the last pixel of its window."""
        (height, width, _), (kh, kw), (sh, sw) = self.output.shape, self.kernel, self.stride
        folds = self.shape[2] // self.parallel
        pixels = (np.arange(height)[:, None] * sh + kh - 1) * self.shape[1] + np.arange(width) * sw + kw - 1
        return (pixels[..., None] * folds + np.arange(1, folds + 1)).reshape(-1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, OH, OW, C)."""
        windows = np.lib.stride_tricks.sliding_window_view(values, self.kernel, axis=(1, 2))
        return windows[:, :: self.stride[0], :: self.stride[1]].max(axis=(4, 5))

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max), self.name)
        planes = builder.add("Transpose", tensor, perm=[0, 3, 1, 2])
        pooled = builder.add("MaxPool", planes, kernel_shape=list(self.kernel), strides=list(self.stride))
        return builder.add("Transpose", pooled, perm=[0, 2, 3, 1])

    def module(self) -> Module:
        height, width, channels = self.shape
        parameters = {"ELEMENT_BITS": self.dtype.bits, "SIGNED": int(self.dtype.signed)}
        parameters |= {"PARALLEL": self.parallel, "FOLD": channels // self.parallel, "HEIGHT": height, "WIDTH": width}
        parameters |= {"KH": self.kernel[0], "KW": self.kernel[1], "SH": self.stride[0], "SW": self.stride[1]}
        return Module("maxpool", parameters)

    def resources(self) -> Resources:
        """Per direction: comparators, counters, and the open windows' maxima as distributed memory."""
        folds, total = self.shape[2] // self.parallel, Resources()
        inner = (self.output.shape[1] * folds, folds)
        for words, length, kernel, stride in zip(inner, self.shape[:2], self.kernel, self.stride, strict=True):
            if (kernel, stride) == (1, 1):
                continue
            slots = max(1, -(-(kernel - 1) // stride))
            bits, deep = slots * self.output.width, -(-words // 16)
            memory = LUT4_PER_CELL * deep * -(-bits // 4) + bits * (deep - 1) if kernel > 1 else 0
            compare = self.output.width * (2 * slots + 2) if kernel > 1 else 0
            counters = words.bit_length() + 3 * length.bit_length() + stride.bit_length() + 2 * slots
            total += Resources(lut4=memory + compare + 2 * counters, ff=counters + self.output.width + 1)
        return total


def _pair(size: object) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)


OP = MaxPool
