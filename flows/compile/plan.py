"""The network as unfolded operators: what each computes and takes, before PE and SIMD are chosen.

`inputs`: names of the plans whose results it takes, `input` for the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.compile.network import Noise
from hw.inttype import IntType

Inputs = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PadPlan:
    """A border of `value` around an image. `shape`: (H, W, C); `pads`: top, left, bottom, right."""

    name: str
    inputs: Inputs
    shape: tuple[int, int, int]
    dtype: IntType
    pads: tuple[int, int, int, int]
    value: int = 0


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Sliding window. `shape`: (H, W, C) of its input; `kernel`, `stride`, `dilation`: (rows, columns)."""

    name: str
    inputs: Inputs
    shape: tuple[int, int, int]
    dtype: IntType
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    depthwise: bool = False

    @property
    def positions(self) -> tuple[int, int]:
        sides = zip(self.shape[:2], self.kernel, self.stride, self.dilation, strict=True)
        rows, columns = ((size - (k - 1) * d - 1) // s + 1 for size, k, s, d in sides)
        return rows, columns


@dataclass(frozen=True)
class MatVecPlan:
    """`weights` int64 (M, K) times a vector at each of `positions`; `(sum << shift) + bias`."""

    name: str
    inputs: Inputs
    positions: tuple[int, ...]
    weights: np.ndarray
    weight_type: IntType
    input_type: IntType
    bias: np.ndarray
    shift: int
    window_channels: int
    """Channels of the window in front of it: SIMD must divide them. 0 where there is none: a fully connected layer, or
    a 1x1 convolution."""
    window_elements: int = 0
    """Elements of the image that the window takes in for one frame."""


@dataclass(frozen=True)
class DepthwisePlan:
    """`weights` int64 (C, kh, kw), one filter per channel, at each of `positions` of the window in front of it."""

    name: str
    inputs: Inputs
    positions: tuple[int, int]
    weights: np.ndarray
    weight_type: IntType
    input_type: IntType
    bias: np.ndarray
    shift: int
    window_elements: int = 0


@dataclass(frozen=True)
class ThresholdPlan:
    """Exact integer thresholds, int64 (C, T); the code is `start` + `step` * count. `shape`: of the frame. `noise`: on
    the integers that are compared, where it rounds at random."""

    name: str
    inputs: Inputs
    shape: tuple[int, ...]
    thresholds: np.ndarray
    output_type: IntType
    start: int
    step: int = 1
    noise: Noise | None = None


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Maximum over windows of `kernel` (rows, columns), `stride` apart. `shape`: (H, W, C) of its input."""

    name: str
    inputs: Inputs
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SumPoolPlan:
    """Sums over windows of `kernel` (rows, columns), `kernel` apart. `shape`: (H, W, C) of its input."""

    name: str
    inputs: Inputs
    shape: tuple[int, int, int]
    kernel: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AddPlan:
    """`gains[0] * a + gains[1] * b`. `shape`: of both."""

    name: str
    inputs: Inputs
    shape: tuple[int, ...]
    gains: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ConcatPlan:
    """Channels of its inputs one after the other. `shape`: (H, W) or (); `channels`: of each input."""

    name: str
    inputs: Inputs
    shape: tuple[int, ...]
    channels: tuple[int, ...]


Plan = PadPlan | WindowPlan | MatVecPlan | DepthwisePlan | ThresholdPlan | PoolPlan | SumPoolPlan | AddPlan | ConcatPlan
