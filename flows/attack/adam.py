"""Adam's step, each coordinate with its own count of steps (Chen et al. 2017, arXiv 1708.03999, algorithm 2)."""

from __future__ import annotations

import numpy as np

FIRST, SECOND = 0.9, 0.999  # decay of the two moments
TINY = 1e-30  # against 0 / 0 only: scores may have any size


class Adam:
    """Moments for images of `shape` (N, C, H, W). The size of gradients does not matter, only their proportions."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean, self._square = np.zeros(shape), np.zeros(shape)
        self._steps = np.zeros(shape, np.int64)

    def step(self, gradient: np.ndarray, index: np.ndarray, touched: np.ndarray | bool = True) -> np.ndarray:
        """float64 (M, C, H, W) for the images `index` (M,) -> direction of the same shape, about -1 to 1; zero where
        not `touched` (bool, like gradient: the others keep their moments)."""
        touched = np.broadcast_to(touched, gradient.shape)
        steps = self._steps[index] + touched
        mean = np.where(touched, FIRST * self._mean[index] + (1 - FIRST) * gradient, self._mean[index])
        square = np.where(touched, SECOND * self._square[index] + (1 - SECOND) * gradient**2, self._square[index])
        self._mean[index], self._square[index], self._steps[index] = mean, square, steps
        counts = np.maximum(steps, 1)
        straight = mean / (1 - FIRST**counts)
        scale = np.sqrt(square / (1 - SECOND**counts))
        return np.where(touched, straight / (scale + TINY), 0.0)
