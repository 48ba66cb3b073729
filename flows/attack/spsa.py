"""Simultaneous perturbation: gradient from probes that move every pixel by the same amount up or down, Adam's steps
(Spall 1992; as an attack: Uesato et al. 2018, arXiv 1802.05666, algorithm 1)."""

from __future__ import annotations

import numpy as np

from flows.attack.adam import Adam
from flows.attack.finite_difference import FiniteDifference
from flows.attack.oracle import Progress


class Spsa(FiniteDifference):
    """See `FiniteDifference`. `delta`: by how many codes a probe moves each pixel."""

    name = "spsa"

    def __init__(
        self,
        *,
        queries: int,
        pairs: int = 5,
        delta: float = 16.0,
        step_size: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(queries, pairs, delta, step_size, seed, progress)

    def _directions(self, rng: np.random.Generator, pairs: int, shape: tuple[int, ...]) -> np.ndarray:
        return self.delta * (2.0 * rng.integers(0, 2, (pairs, *shape)) - 1)

    def _gradient(self, difference: np.ndarray, moved: np.ndarray) -> np.ndarray:
        spread = np.broadcast_to(difference[:, :, None, None, None], moved.shape)
        return np.divide(spread, moved, out=np.zeros(moved.shape), where=moved != 0).sum(axis=1)

    def _memory(self, shape: tuple[int, ...]) -> Adam:
        return Adam(shape)

    def _step(self, gradient: np.ndarray, index: np.ndarray, memory: Adam) -> np.ndarray:
        return memory.step(gradient, index)
