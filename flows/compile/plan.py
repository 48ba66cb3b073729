"""The network as a list of unfolded operators: what each computes, before PE and SIMD are chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw.inttype import IntType


@dataclass(frozen=True, slots=True)
class PadPlan:
    """Zeros around an image. `shape`: (H, W, C); `pads`: top, left, bottom, right."""

    name: str
    shape: tuple[int, int, int]
    dtype: IntType
    pads: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Sliding window. `shape`: (H, W, C) of its input; `kernel`, `stride`: (rows, columns)."""

    name: str
    shape: tuple[int, int, int]
    dtype: IntType
    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def positions(self) -> tuple[int, int]:
        (height, width, _), (kh, kw), (sh, sw) = self.shape, self.kernel, self.stride
        return (height - kh) // sh + 1, (width - kw) // sw + 1


@dataclass(frozen=True)
class MatVecPlan:
    """`weights` int64 (M, K) times a vector at each of `positions`; `(sum << shift) + bias`."""

    name: str
    positions: tuple[int, ...]
    weights: np.ndarray
    weight_type: IntType
    input_type: IntType
    bias: np.ndarray
    shift: int
    window_channels: int
    """Channels of the window in front of it: SIMD must divide them. 0 where there is none: a fully connected layer, or
    a 1x1 convolution."""


@dataclass(frozen=True)
class ThresholdPlan:
    """Exact integer thresholds, int64 (C, T); the code is `start` + count."""

    name: str
    thresholds: np.ndarray
    output_type: IntType
    start: int


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Max-pool, `kernel` x `kernel` with stride `kernel`. `shape`: (H, W, C) of its input."""

    name: str
    shape: tuple[int, int, int]
    dtype: IntType
    kernel: int


Plan = PadPlan | WindowPlan | MatVecPlan | ThresholdPlan | PoolPlan
