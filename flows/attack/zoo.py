"""Zeroth-order optimization: one coordinate at a time by symmetric differences, Adam's steps (Chen et al. 2017,
arXiv 1708.03999, equation 6 and algorithm 2). The paper minimizes an L2 distance plus a hinge on the margin; here the
ball takes the distance's place, and the margin is the hinge's inside."""

from __future__ import annotations

import numpy as np

from flows.attack.adam import Adam
from flows.attack.finite_difference import FiniteDifference
from flows.attack.oracle import Progress


class Zoo(FiniteDifference):
    """See `FiniteDifference`. Every step asks about `pairs` random coordinates (the paper's batch) and moves those.
    `delta`: by how many codes a probe moves its coordinate, the paper's h. `step_size`: None for epsilon, because a
    coordinate comes back only after pixels / pairs steps."""

    name = "zoo"
    step_share = 1.0

    def __init__(
        self,
        *,
        queries: int,
        pairs: int = 16,
        delta: float = 64.0,
        step_size: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(queries, pairs, delta, step_size, seed, progress)

    def _directions(self, rng: np.random.Generator, pairs: int, shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        chosen = rng.permutation(size)[:pairs]
        directions = np.zeros((len(chosen), size))
        directions[np.arange(len(chosen)), chosen] = self.delta
        return directions.reshape(-1, *shape)

    def _gradient(self, difference: np.ndarray, moved: np.ndarray) -> np.ndarray:
        spread = np.broadcast_to(difference[:, :, None, None, None], moved.shape)
        return np.divide(spread, moved, out=np.zeros(moved.shape), where=moved != 0).sum(axis=1)

    def _memory(self, shape: tuple[int, ...]) -> Adam:
        return Adam(shape)

    def _step(self, gradient: np.ndarray, index: np.ndarray, memory: Adam) -> np.ndarray:
        return memory.step(gradient, index, gradient != 0)
