"""`window`: the patches under a sliding kernel, one after the other (FINN: ConvolutionInputGenerator)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from hw.ecp5_memory import ram
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream


class Axis(NamedTuple):
    """One direction of the image: its size, and kernel, stride and dilation along it."""

    size: int
    kernel: int
    stride: int
    dilation: int

    @property
    def span(self) -> int:
        """Pixels from the first to the last tap, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def count(self) -> int:
        """Windows."""
        return (self.size - self.span) // self.stride + 1


@dataclass(frozen=True)
class Window(PlainRecord):
    """Windows of an image (H, W, C) without padding, taps `dilation` pixels apart: (OH, OW, kh*kw*C).

    `shape`: (H, W, C); H = 1 for a signal of one dimension. `dtype`: of every element. `parallel`: elements per
    beat, in and out (FINN's SIMD), a divisor of C. `kernel`: (kh, kw); `dilation`: (dh, dw), at least 1; the taps'
    span (kh - 1) * dh + 1 by (kw - 1) * dw + 1 lies within the image. `stride`: (sh, sw), at least 1. OH = (H -
    span) // sh + 1, OW likewise. Elements of a window are in the order (kh, kw, c); with `depthwise`, each group of
    `parallel` channels keeps its taps together, as the `depthwise` operator wants them: (OH, OW * C/parallel,
    kh*kw*parallel), order (group, kh, kw, channel in the group). Raises HardwareError for anything else.
    """

    name: str
    shape: tuple[int, ...]
    dtype: IntType
    parallel: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    dilation: tuple[int, ...] = (1, 1)
    depthwise: bool = False

    kind: ClassVar[str] = "window"

    def __post_init__(self) -> None:
        for field in ("shape", "kernel", "stride", "dilation"):
            object.__setattr__(self, field, tuple(int(size) for size in getattr(self, field)))
        if len(self.shape) != 3:
            raise HardwareError(f"{self.name}: expected an image shape (H, W, C), got {self.shape}")
        for field in ("stride", "dilation"):
            pair = getattr(self, field)
            if len(pair) != 2 or min(pair) < 1:
                letter = field[0]
                raise HardwareError(f"{self.name}: expected a {field} ({letter}h, {letter}w) of at least 1, got {pair}")
        fits = len(self.kernel) == 2 and min(self.kernel) >= 1 and all(axis.span <= axis.size for axis in self.axes)
        if not fits:
            raise HardwareError(
                f"{self.name}: expected a kernel (kh, kw) within the image {self.shape[:2]}, "
                f"got {self.kernel} with dilation {self.dilation}"
            )
        _ = self.input

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns."""
        rows, columns = zip(self.shape[:2], self.kernel, self.stride, self.dilation, strict=True)
        return Axis(*rows), Axis(*columns)

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        return self.shape[2] // self.parallel

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.dtype, self.parallel)

    @property
    def output(self) -> Stream:
        rows, columns = self.axes
        groups = self.folds if self.depthwise else 1
        taps = rows.kernel * columns.kernel
        shape = (rows.count, columns.count * groups, taps * self.shape[2] // groups)
        return Stream(shape, self.dtype, self.parallel)

    @property
    def scan(self) -> tuple[Axis, Axis]:
        """Rows and columns as the circuit takes them. An image of one row is one of one column to it: the order of
        the beats is the same, and it holds a few pixels instead of whole rows."""
        rows, columns = self.axes
        return (columns, rows) if rows.size == 1 else (rows, columns)

    @property
    def rows(self) -> int:
        """Rows held. Twice the kernel's span, and one more where rows at the bottom are in no window, is enough that
        neither side waits for the other in steady state, whatever the rates around."""
        rows, _ = self.scan
        unused = (rows.size - rows.span) % rows.stride
        return 2 * rows.span + (1 if unused else 0)

    @property
    def cycles_per_frame(self) -> int:
        return max(self.input.beats, self.output.beats)

    def needs(self) -> np.ndarray:
        """Of each output beat, the input beats up to the end of its window's last row."""
        rows, columns = self.scan
        taken = (np.arange(rows.count) * rows.stride + rows.span) * columns.size * self.folds
        return np.repeat(taken, self.output.beats // rows.count)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, H, W, C) -> int64 (N, *output.shape)."""
        rows, columns = self.axes
        view = np.lib.stride_tricks.sliding_window_view(values, (rows.span, columns.span), axis=(1, 2))
        view = view[:, :: rows.stride, :: columns.stride, :, :: rows.dilation, :: columns.dilation]
        if self.depthwise:
            view = view.reshape(*view.shape[:3], self.folds, self.parallel, *self.kernel)
            ordered = view.transpose(0, 1, 2, 3, 5, 6, 4)
        else:
            ordered = view.transpose(0, 1, 2, 4, 5, 3)
        return np.ascontiguousarray(ordered).reshape(len(values), *self.output.shape)

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        image = builder.add("Reshape", tensor, _integers(builder, -1, *self.shape))
        rows, columns = self.axes
        taps = [
            self._tap(builder, image, row * rows.dilation, column * columns.dilation)
            for row in range(rows.kernel)
            for column in range(columns.kernel)
        ]
        if not self.depthwise:
            return taps[0] if len(taps) == 1 else builder.add("Concat", *taps, axis=3)
        groups = _integers(builder, -1, rows.count, columns.count * self.folds, 1, self.parallel)
        stacked = builder.add("Concat", *(builder.add("Reshape", tap, groups) for tap in taps), axis=3)
        return builder.add("Reshape", stacked, _integers(builder, -1, *self.output.shape))

    def _tap(self, builder: OnnxBuilder, image: str, row: int, column: int) -> str:
        """What lies at one place of every window, (N, OH, OW, C)."""
        ends = [
            start + (axis.count - 1) * axis.stride + 1 for start, axis in zip((row, column), self.axes, strict=True)
        ]
        axes, steps = _integers(builder, 1, 2), _integers(builder, *self.stride)
        return builder.add("Slice", image, _integers(builder, row, column), _integers(builder, *ends), axes, steps)

    def module(self) -> Module:
        rows, columns = self.scan
        parameters = {"WIDTH": self.input.width, "H": rows.size, "W": columns.size, "FOLDS": self.folds}
        parameters |= {"KH": rows.kernel, "KW": columns.kernel, "SH": rows.stride, "SW": columns.stride}
        parameters |= {"DH": rows.dilation, "DW": columns.dilation, "DEPTHWISE": int(self.depthwise)}
        return Module("window", parameters)

    def resources(self) -> Resources:
        """Counters and address adders by their width, and the ring (see README.md)."""
        words = self.rows * self.scan[1].size * self.folds
        address = words.bit_length()
        return ram(words, self.input.width) + Resources(lut4=90 + 21 * address, ff=12 + 11 * address + self.input.width)


def _integers(builder: OnnxBuilder, *values: int) -> str:
    return builder.constant(np.array(values, np.int64))


OP = Window
