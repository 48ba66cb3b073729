"""Natural evolution strategies: gradient from antithetic Gaussian probes, signed steps (Ilyas et al. 2018,
arXiv 1804.08598, algorithm 1 and section 3.1)."""

from __future__ import annotations

import numpy as np

from flows.attack.finite_difference import FiniteDifference
from flows.attack.oracle import Progress


class Nes(FiniteDifference):
    """See `FiniteDifference`. `delta`: standard deviation of the probes, the paper's sigma."""

    name = "nes"

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
        return self.delta * rng.standard_normal((pairs, *shape))

    def _gradient(self, difference: np.ndarray, moved: np.ndarray) -> np.ndarray:
        return np.einsum("mp,mpchw->mchw", difference, moved)
