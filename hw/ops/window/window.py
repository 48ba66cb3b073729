"""`window`: the patches under a sliding kernel, one after the other (FINN: ConvolutionInputGenerator)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw.ecp5_memory import ram
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.stream import Stream


@dataclass(frozen=True)
class Window:
    """Windows of an image (H, W, C) without padding: (OH, OW, kh*kw*C), elements in the order (kh, kw, c).

    `shape`: (H, W, C). `dtype`: of every element. `parallel`: elements per beat, in and out (FINN's SIMD), a
    divisor of C. `kernel`: (kh, kw), within the image. `stride`: (sh, sw), at least 1;
    OH = (H - kh) // sh + 1, OW likewise. Raises HardwareError for anything else.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: IntType
    parallel: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)

    kind = "window"

    def __post_init__(self) -> None:
        for field in ("shape", "kernel", "stride"):
            object.__setattr__(self, field, tuple(int(size) for size in getattr(self, field)))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected an image shape (H, W, C), got {self.shape}")
        if len(self.kernel) != 2 or any(not 1 <= k <= n for k, n in zip(self.kernel, self.shape, strict=False)):
            raise HardwareError(
                f"{self.name}: expected a kernel (kh, kw) within the image {self.shape[:2]}, got {self.kernel}"
            )
        if len(self.stride) != 2 or min(self.stride) < 1:
            raise HardwareError(f"{self.name}: expected a stride (sh, sw) of at least 1, got {self.stride}")
        _ = self.input

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        height, width = ((n - k) // s + 1 for n, k, s in zip(self.shape[:2], self.kernel, self.stride, strict=True))
        return Stream((height, width, self.kernel[0] * self.kernel[1] * self.shape[2]), self.dtype, self.parallel)

    @property
    def rows(self) -> int:
        """Rows held. Twice the kernel, and one more where rows at the bottom are in no window, is enough that
        neither side waits for the other in steady state, whatever the rates around."""
        unused = (self.shape[0] - self.kernel[0]) % self.stride[0]
        return 2 * self.kernel[0] + (1 if unused else 0)

    @property
    def cycles_per_frame(self) -> int:
        return max(self.input.beats, self.output.beats)

    def needs(self) -> np.ndarray:
        """The whole rows under the kernel."""
        row = np.arange(self.output.beats) // (self.output.beats // self.output.shape[0])
        return (row * self.stride[0] + self.kernel[0]) * (self.input.beats // self.shape[0])

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, OH, OW, kh*kw*C)."""
        view = np.lib.stride_tricks.sliding_window_view(values, self.kernel, axis=(1, 2))
        view = view[:, :: self.stride[0], :: self.stride[1]]  # (N, OH, OW, C, kh, kw)
        return np.ascontiguousarray(view.transpose(0, 1, 2, 4, 5, 3)).reshape(len(values), *self.output.shape)

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        (kh, kw), (sh, sw), (oh, ow, _) = self.kernel, self.stride, self.output.shape
        image = builder.add("Reshape", tensor, builder.constant(np.array([-1, *self.shape], np.int64)))
        axes, steps = (builder.constant(np.array(pair, np.int64)) for pair in ((1, 2), (sh, sw)))
        parts = []
        for row in range(kh):
            for column in range(kw):
                starts = builder.constant(np.array([row, column], np.int64))
                ends = builder.constant(np.array([row + (oh - 1) * sh + 1, column + (ow - 1) * sw + 1], np.int64))
                parts.append(builder.add("Slice", image, starts, ends, axes, steps))
        return parts[0] if len(parts) == 1 else builder.add("Concat", *parts, axis=3)

    def module(self) -> Module:
        height, width, channels = self.shape
        parameters = {"WIDTH": self.input.width, "H": height, "W": width, "FOLDS": channels // self.parallel}
        parameters |= {"KH": self.kernel[0], "KW": self.kernel[1], "SH": self.stride[0], "SW": self.stride[1]}
        return Module("window", parameters)

    def resources(self) -> Resources:
        """Counters and address adders by their width, and the ring (see README.md)."""
        words = self.rows * self.shape[1] * (self.shape[2] // self.parallel)
        address = words.bit_length()
        return ram(words, self.input.width) + Resources(lut4=60 + 18 * address, ff=12 + 8 * address + self.input.width)

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        parameters = {"shape": list(self.shape), "dtype": self.dtype.name, "parallel": self.parallel}
        return parameters | {"kernel": list(self.kernel), "stride": list(self.stride)}, {}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> Window:
        """Raises KeyError or TypeError where `parameters` is not what `to_record` gives."""
        p = dict(parameters)
        return cls(name, tuple(p.pop("shape")), IntType.parse(p.pop("dtype")), **p)


OP = Window
