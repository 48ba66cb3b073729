"""Random noise of the same budget: the control that every attack must beat."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, ball, check_data, finish, labels
from flows.targets.target import Target


class Uniform:
    """`draws` tries of independent uniform noise on every pixel, whole codes in [-epsilon, epsilon]."""

    name = "uniform"

    def __init__(self, *, draws: int = 10, seed: int = 0) -> None:
        self.draws = at_least("uniform draws", draws, 1)
        self.seed = seed

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        budget = check_data(self.name, x, y, epsilon)
        rng = np.random.default_rng(self.seed)
        low, high = ball(x, budget)
        fooled = labels(target, x) != y
        candidates, queries = x.copy(), np.ones(len(x), np.int64)
        for _ in range(self.draws if budget else 0):
            noise = rng.integers(-budget, budget, x.shape, np.int16, endpoint=True)
            alive = np.flatnonzero(~fooled)
            candidates[alive] = np.clip(x[alive] + noise[alive], low[alive], high[alive])
            fooled[alive] = labels(target, candidates[alive]) != y[alive]
            queries[alive] += 1
        return finish(self.name, target, x, y, candidates, fooled, queries, epsilon, self.seed, {"draws": self.draws})
