"""`accpool`: the sum of every window, per channel: average pooling but for the division (FINN: Pool_Batch)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
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
class AccPool(PlainRecord):
    """Sums over windows of `kernel` (kh, kw) pixels that do not overlap; what does not fill a window is dropped.

    `shape`: (H, W, C) of the input. `kernel` = (H, W) is the global sum. Any `dtype`; the output type is the
    narrowest that holds kh * kw of its smallest and of its largest value. The division by kh * kw is left to the
    scale or the thresholds behind it. Raises HardwareError for a kernel outside the image.
    """

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    kernel: tuple[int, ...]

    kind: ClassVar[str] = "accpool"

    def __post_init__(self) -> None:
        for field in ("shape", "kernel"):
            object.__setattr__(self, field, tuple(int(size) for size in getattr(self, field)))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected a shape (H, W, C), got {self.shape}")
        if len(self.kernel) != 2 or any(not 1 <= k <= n for k, n in zip(self.kernel, self.shape, strict=False)):
            raise HardwareError(
                f"{self.name}: expected a kernel (kh, kw) within the image {self.shape[:2]}, got {self.kernel}"
            )
        _ = self.input, self.output

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        height, width, channels = self.shape
        pixels = prod(self.kernel)
        dtype = IntType.holding(pixels * self.dtype.min, pixels * self.dtype.max)
        return Stream((height // self.kernel[0], width // self.kernel[1], channels), dtype, self.parallel)

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Of each output beat, the input beats up to the last pixel of its window."""
        (height, width, channels), (kh, kw) = self.output.shape, self.kernel
        folds = channels // self.parallel
        pixels = (np.arange(1, height + 1)[:, None] * kh - 1) * self.shape[1] + np.arange(1, width + 1) * kw - 1
        return (pixels[..., None] * folds + np.arange(1, folds + 1)).reshape(-1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, H // kh, W // kw, C)."""
        (height, width, channels), (kh, kw) = self.output.shape, self.kernel
        windows = values[:, : height * kh, : width * kw].reshape(-1, height, kh, width, kw, channels)
        return windows.sum(axis=(2, 4))

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """A sum, because ONNX' AveragePool divides and rounds."""
        builder.require_exact(prod(self.kernel) * max(-self.dtype.min, self.dtype.max), self.name)
        (height, width, channels), (kh, kw) = self.output.shape, self.kernel
        if (height * kh, width * kw) != self.shape[:2]:
            bounds = ((0, 0), (height * kh, width * kw), (1, 2))
            tensor = builder.add("Slice", tensor, *(builder.constant(np.array(bound, np.int64)) for bound in bounds))
        windows = np.array([-1, height, kh, width, kw, channels], np.int64)
        tensor = builder.add("Reshape", tensor, builder.constant(windows))
        return builder.add("ReduceSum", tensor, builder.constant(np.array([2, 4], np.int64)), keepdims=0)

    def module(self) -> Module:
        height, width, channels = self.shape
        parameters = {"X_BITS": self.dtype.bits, "X_SIGNED": int(self.dtype.signed)}
        parameters |= {"X_BIPOLAR": int(self.dtype.bipolar), "Y_BITS": self.output.dtype.bits}
        parameters |= {"PARALLEL": self.parallel, "FOLD": channels // self.parallel}
        parameters |= {"HEIGHT": height, "WIDTH": width, "KH": self.kernel[0], "KW": self.kernel[1]}
        return Module("accpool", parameters)

    def resources(self) -> Resources:
        """Adders, output and counters by their bits; the sums as distributed memory."""
        height, width, channels = self.shape
        fold, bits = channels // self.parallel, self.output.width
        words = self.output.shape[1] * fold
        counters = sum(size.bit_length() for size in (height, width, fold, *self.kernel, words))
        deep = -(-words // 16)
        memory = LUT4_PER_CELL * deep * -(-bits // 4) + bits * (deep - 1)
        return Resources(lut4=memory + 2 * bits + 3 * counters, ff=counters + bits + 1)


OP = AccPool
