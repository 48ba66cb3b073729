"""Questions to a target on behalf of many searches at once: counted per image, and no answer wasted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.batch import LINF, AdversarialBatch, grid_distances
from flows.attack.common import BATCH, at_least, check_data, finish, margin
from flows.targets.target import Target

Progress = Callable[[int, int], None]


class Oracle:
    """One search per image of `x`, uint8 (N, C, H, W), with true classes `y`, integers (N,).

    Whatever image a search asks about, if it lies within the budget and the target errs, it is that search's find:
    `fooled` (bool (N,)), `found` (uint8 like x, the original until then). `queries`: int64 (N,), at most `queries`
    of the constructor less one, which is kept for the confirmation in `result`. The clean images are asked about at
    once; `clean`: the classes predicted for them, int64 (N,). `classes`: how many there are. `budget`: as in
    `flows.attack.batch.grid_budget`. `progress`: called with (queries so far, images still standing) after each
    round.
    """

    def __init__(
        self,
        attack: str,
        target: Target,
        x: np.ndarray,
        y: np.ndarray,
        epsilon: float,
        queries: int,
        progress: Progress | None = None,
        norm: str = LINF,
    ) -> None:
        self.budget = check_data(attack, x, y, epsilon, norm)
        self.norm = norm
        self.x, self.y = x, y
        self.found, self.fooled = x.copy(), np.zeros(len(x), bool)
        self.queries = np.zeros(len(x), np.int64)
        self._attack, self._target, self._epsilon = attack, target, epsilon
        self._allowance = at_least(f"{attack} queries", queries, 3) - 1
        self._progress = progress
        scores = self.scores(np.arange(len(x)), x)
        self.clean, self.classes = scores.argmax(axis=1), scores.shape[1]

    def left(self) -> np.ndarray:
        """How many more questions each search may ask, int64 (N,): none with a find or without a budget."""
        open_ = ~self.fooled if self.budget else np.zeros(len(self.x), bool)
        return np.where(open_, self._allowance - self.queries, 0)

    def scores(self, index: np.ndarray, images: np.ndarray) -> np.ndarray:
        """uint8 (M, C, H, W), asked by the searches `index` (M,), which may repeat -> int64 scores (M, classes)."""
        parts = [self._target.predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        if not parts:
            return np.zeros((0, 2), np.int64)
        scores = np.concatenate(parts)
        np.add.at(self.queries, index, 1)
        near = grid_distances(images, self.x[index], self.norm) <= self.budget
        hits = np.flatnonzero((scores.argmax(axis=1) != self.y[index]) & near)
        new = hits[~self.fooled[index[hits]]][
            ::-1
        ]  # backwards: where one search has several finds, the first one stays
        self.found[index[new]] = images[new]
        self.fooled[index[new]] = True
        if self._progress:
            self._progress(int(self.queries.sum()), int(np.count_nonzero(~self.fooled)))
        return scores

    def margins(self, index: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Right score minus best wrong one, int64 (M,), for what `scores` takes."""
        return margin(self.scores(index, images), self.y[index])

    def labels(self, index: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Predicted classes only, int64 (M,), for what `scores` takes."""
        return self.scores(index, images).argmax(axis=1)

    def result(self, seed: int, details: dict[str, object]) -> AdversarialBatch:
        """The finds, each confirmed by one more question to the target."""
        arrays = (self.x, self.y, self.found, self.fooled, self.queries)
        return finish(self._attack, self._target, *arrays, self._epsilon, seed, details, self.norm)
