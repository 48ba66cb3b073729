"""The search over corners: exact where a network is a sum, and at home where there is no gradient."""

from __future__ import annotations

import numpy as np
import pytest

from flows.attack.parsimonious import Parsimonious
from flows.attack.square import Square
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]


class Sum:
    """Class 0 while the weighted sum of the pixels (or of what they are above a threshold) is above `limit`."""

    name = "sum"

    def __init__(self, weights: np.ndarray, limit: int, threshold: int | None = None) -> None:
        self.weights, self.limit, self.threshold = weights, limit, threshold
        self.asked: list[np.ndarray] = []

    def predict(self, images: np.ndarray) -> np.ndarray:
        self.asked.append(images.copy())
        seen = images.astype(np.int64) if self.threshold is None else (images >= self.threshold).astype(np.int64)
        total = (seen * self.weights).reshape(len(images), -1).sum(axis=1)
        return np.stack([total, np.full_like(total, self.limit)], axis=1)


def make(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (3, *shape), dtype=np.uint8), rng.integers(1, 10, shape) * rng.choice([-1, 1], shape)


@pytest.mark.parametrize("block", [1, 2, 4])
def test_of_a_sum_it_finds_the_lowest_corner(block: int) -> None:
    x, weights = make((2, 5, 7), 1)
    budget = 20
    wide = x.astype(np.int64)
    lowest = np.where(weights > 0, np.maximum(wide - budget, 0), np.minimum(wide + budget, 255))
    ends = (lowest * weights).reshape(3, -1).sum(axis=1)
    target = Sum(weights, int(ends.min()) - 1)  # out of reach
    batch = Parsimonious(queries=1000, block=block)(target, x, np.zeros(3, int), budget / 255)
    assert not batch.success.any()
    seen = np.concatenate(target.asked)
    for image, end in zip(lowest, ends, strict=True):
        assert (seen == image).reshape(len(seen), -1).all(axis=1).any()
        reached = Parsimonious(queries=1000, block=block)(Sum(weights, int(end) + 1), x, np.zeros(3, int), budget / 255)
        assert reached.success[np.flatnonzero(ends <= end)].all()


def test_every_query_is_a_corner_of_the_ball_and_the_budget_is_kept() -> None:
    x, weights = make((1, 6, 6), 2)
    target = Sum(weights, -(10**6))
    batch = Parsimonious(queries=60)(target, x, np.zeros(3, int), 10 / 255)
    assert batch.queries.max() <= 60 and batch.queries.min() >= 40
    wide = x.astype(int)
    low, high = np.maximum(wide - 10, 0), np.minimum(wide + 10, 255)
    for images in target.asked[1:]:
        for image in images.astype(int):
            assert (
                any(((image == low[i]) | (image == high[i])).all() for i in range(3))
                or (image == wide).all(axis=(1, 2, 3)).any()
            )


def test_thresholds_on_the_pixels_hide_nothing_from_it() -> None:
    """Only pixels near the threshold can be moved over it; random squares would move them all the same way."""
    x, weights = make((1, 8, 8), 3)
    wide, budget = x.astype(int), 30
    free = (wide >= 128 - budget) & (wide < 128 + budget)
    seen = np.where(free, weights < 0, wide >= 128)
    ends = (seen * weights).reshape(3, -1).sum(axis=1)
    for index, end in enumerate(ends):
        only = slice(index, index + 1)
        target = Sum(weights, int(end) + 1, threshold=128)
        if target.predict(x[only]).argmax(axis=1)[0]:
            continue  # wrong from the start
        assert Parsimonious(queries=2000)(target, x[only], np.zeros(1, int), budget / 255).success.all()
        assert not Parsimonious(queries=2000)(
            Sum(weights, int(end), threshold=128), x[only], np.zeros(1, int), budget / 255
        ).success.any()


def test_it_is_at_least_as_strong_as_squares_with_many_queries(target: TorchTarget, data: Data) -> None:
    x, y = data[0][:60], data[1][:60]
    corners, squares = (kind(queries=600)(target, x, y, 0.06) for kind in (Parsimonious, Square))
    assert 5 < squares.success.sum() < 58
    assert corners.success.sum() >= squares.success.sum() - 2


def test_a_budget_of_nothing_asks_once(target: TorchTarget, data: Data) -> None:
    batch = Parsimonious(queries=100)(target, *data, 0.0)
    assert (batch.queries <= 2).all()


def test_sides_that_do_not_halve_are_refused() -> None:
    with pytest.raises(FlowError, match="power of two, got 6"):
        Parsimonious(queries=10, block=6)
