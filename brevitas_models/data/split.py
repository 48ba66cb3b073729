"""A data set in memory, split once and for all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from brevitas_models.errors import ModelError


@dataclass(frozen=True, slots=True)
class Split:
    """`train_x`, `test_x`: uint8 (N, C, H, W). `train_y`, `test_y`: int64 (N,), 0..classes-1. `name` of the set.

    `sha256`: of all four arrays, so that two runs can tell whether they saw the same pictures in the same order.
    Raises ModelError for other types, shapes or labels.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int
    name: str

    def __post_init__(self) -> None:
        for part, x, y in (("train", self.train_x, self.train_y), ("test", self.test_x, self.test_y)):
            if x.dtype != np.uint8 or x.ndim != 4 or not len(x):
                raise ModelError(f"{self.name} {part}: expected uint8 images (N, C, H, W), got {x.dtype} {x.shape}")
            if y.dtype != np.int64 or y.shape != (len(x),):
                raise ModelError(f"{self.name} {part}: expected int64 labels ({len(x)},), got {y.dtype} {y.shape}")
            if y.min() < 0 or y.max() >= self.classes:
                raise ModelError(f"{self.name} {part}: expected labels 0..{self.classes - 1}, got {y.min()}..{y.max()}")
        if self.train_x.shape[1:] != self.test_x.shape[1:]:
            raise ModelError(f"{self.name}: training images {self.train_x.shape[1:]}, test {self.test_x.shape[1:]}")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.train_x.shape[1:]

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for array in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
