"""Square attack: random search with square-shaped changes, scores only (Andriushchenko et al. 2020,
arXiv 1912.00049, algorithms 1 and 2 for L-infinity), in whole pixel codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, ball, check_data, finish, margin
from flows.errors import FlowError
from flows.targets.target import Target

# Where the square's area halves, as shares of the budget (the paper's 10, 50, 200, ... of 10,000 iterations).
HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


class Square:
    """At most `queries` images per original, the clean one and the final confirmation included.

    `area`: first share of the image that a square covers (the paper's p, 0.8 for MNIST). Every image has its own
    squares and leaves when fooled. `progress`: called with (queries so far, images still standing) after each round.
    No torch: it attacks circuits as well as twins.
    """

    name = "square"

    def __init__(
        self,
        *,
        queries: int,
        area: float = 0.8,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.queries = at_least("square queries", queries, 3)
        if not 0 < area <= 1:
            raise FlowError(f"square area: expected a share of the image above 0 up to 1, got {area}")
        self.area = area
        self.seed = seed
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        budget = check_data(self.name, x, y, epsilon)
        rng = np.random.default_rng(self.seed)
        best, queries = x.copy(), np.zeros(len(x), np.int64)
        lowest, fooled = np.empty(len(x), np.int64), np.zeros(len(x), bool)
        low, high = ball(x, budget)

        def ask(index: np.ndarray, images: np.ndarray, first: bool) -> None:
            scores = target.predict(images)
            queries[index] += 1
            wrong = scores.argmax(axis=1) != y[index]
            found = margin(scores, y[index])
            keep = wrong | first | (found < lowest[index])
            best[index[keep]], lowest[index[keep]] = images[keep], found[keep]
            fooled[index] = wrong

        ask(np.arange(len(x)), x, True)
        rounds = self.queries - 2 if budget else 0
        for count in range(rounds):
            # drawn for all images, so that one image's squares do not depend on which others are left
            signs, inside = self._draw(rng, x.shape, count, rounds)
            alive = np.flatnonzero(~fooled)
            if not len(alive):
                break
            changed = np.where(signs[alive], high[alive], low[alive])
            ask(alive, np.where(inside[alive], changed, best[alive]).astype(np.uint8), False)
            if self._progress:
                self._progress(int(queries.sum()), int(np.count_nonzero(~fooled)))
        details = {"area": self.area, "budget": self.queries}
        return finish(self.name, target, x, y, best, fooled, queries, epsilon, self.seed, details)

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], count: int, rounds: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Direction (bool, broadcastable to `shape`) and where (bool, likewise): stripes first, squares after."""
        n, channels, height, width = shape
        if count == 0:
            return rng.integers(0, 2, (n, channels, 1, width)).astype(bool), np.ones((n, 1, 1, 1), bool)
        side = self._side(count / rounds, height, width)
        top = rng.integers(0, height - side, (n, 1), endpoint=True)
        left = rng.integers(0, width - side, (n, 1), endpoint=True)
        rows, columns = np.arange(height) - top, np.arange(width) - left
        in_rows, in_columns = (rows >= 0) & (rows < side), (columns >= 0) & (columns < side)
        inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
        return rng.integers(0, 2, (n, channels, 1, 1)).astype(bool), inside

    def _side(self, spent: float, height: int, width: int) -> int:
        """Side of the square after this share of the budget (0..1), at least one pixel."""
        area = self.area / 2 ** sum(spent > limit for limit in HALVINGS)
        return min(max(round((area * height * width) ** 0.5), 1), height, width)
