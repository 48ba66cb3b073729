"""The bookkeeping that every white-box attack shares: which images still stand, what was found, at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from flows.attack.ball import BALLS, Ball
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import Judge, check_data, finish, judge_once
from flows.attack.layout import channels_last
from flows.attack.white_box import attacked, pixels, require_gradients

BATCH = 128  # images per gradient pass
Progress = Callable[[int, int], None]


class Search:
    """An attack under way on `x`, uint8 (N, C, H, W), of true classes `y`.

    Asks for the clean images first: what is wrong anyway counts as fooled by the original. `budget`: as in
    `flows.attack.batch.grid_budget`. `judge`: who says what fools. `passes`: images sent to the target per recorded
    query. Raises FlowError for a target without gradients or data of another form.
    """

    def __init__(
        self,
        attack: str,
        target: object,
        x: np.ndarray,
        y: np.ndarray,
        epsilon: float,
        *,
        norm: str = LINF,
        seed: int = 0,
        progress: Progress | None = None,
        judge: Judge = judge_once,
        passes: int = 1,
    ) -> None:
        self.target = require_gradients(attack, target)
        self.budget = check_data(attack, x, y, epsilon, norm)
        self._attack, self._x, self._y, self._epsilon, self._norm = attack, x, y, epsilon, norm
        self._seed, self._progress, self._judge = seed, progress, judge
        self._passes = passes
        self._candidates = x.copy()
        self.fooled, cost = judge(target, x, y)
        self._queries = np.full(len(x), cost, np.int64)

    @contextmanager
    def gradients(self, backward: str) -> Iterator[None]:
        """Within the context the target is set up for fast gradients through the backward pass `backward`."""
        sample = pixels(self.codes(np.arange(1)))
        with attacked(self.target, backward), channels_last(self.target.module, sample):
            yield

    def batches(self) -> Iterator[np.ndarray]:
        """Indices of the images that stand now, in batches; none where the budget allows no change."""
        standing = np.flatnonzero(~self.fooled) if self.budget else np.zeros(0, np.int64)
        for first in range(0, len(standing), BATCH):
            yield standing[first : first + BATCH]

    def ball(self, part: np.ndarray) -> Ball:
        """The ball around the images `part`."""
        return BALLS[self._norm].around(self.codes(part), self.budget)

    def codes(self, part: np.ndarray) -> Tensor:
        """The originals `part` as float32 codes."""
        return torch.from_numpy(self._x[part].astype(np.float32))

    def classes(self, part: np.ndarray) -> Tensor:
        """The true classes of `part`, int64."""
        return torch.from_numpy(self._y[part].astype(np.int64))

    def offsets(self, rng: np.random.Generator) -> np.ndarray:
        """Random starts relative to the originals, float32 like `x`.

        Drawn for all images, so that one image's start does not depend on which others are left.
        """
        return BALLS[self._norm].offsets(rng, self._x.shape, self.budget)

    def record(self, part: np.ndarray, images: Tensor, fooled: np.ndarray, queries: np.ndarray | int) -> None:
        """`images`: whole codes float32 for `part`, kept where `fooled` (bool); `queries`: asked for each."""
        self._candidates[part[fooled]] = images[torch.from_numpy(fooled)].to(torch.uint8).numpy()
        self.fooled[part] |= fooled
        self._queries[part] += queries * self._passes
        if self._progress:
            self._progress(int(self._queries.sum()), int(np.count_nonzero(~self.fooled)))

    def finish(self, details: dict[str, object]) -> AdversarialBatch:
        """The batch, after the target confirmed what was found (see `flows.attack.common.finish`)."""
        return finish(
            self._attack,
            self.target,
            self._x,
            self._y,
            self._candidates,
            self.fooled,
            self._queries,
            self._epsilon,
            self._seed,
            details,
            self._norm,
            self._judge,
        )
