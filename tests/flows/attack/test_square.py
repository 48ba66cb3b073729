"""The Square attack: its budget, its squares, and a second implementation."""

from __future__ import annotations

import numpy as np
import pytest

from flows.attack.art_square import ArtSquare
from flows.attack.square import Square
from flows.attack.uniform import Uniform
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]


class Recorder:
    """Scores = distance to a pattern that no budget reaches: it is never fooled. Remembers what it was asked."""

    name = "recorder"

    def __init__(self) -> None:
        self.queries = 0
        self.asked: list[np.ndarray] = []

    def predict(self, images: np.ndarray) -> np.ndarray:
        assert images.dtype == np.uint8
        self.queries += len(images)
        self.asked.append(images.copy())
        brightness = images.reshape(len(images), -1).sum(axis=1, dtype=np.int64)
        return np.stack([10**9 + brightness, np.zeros_like(brightness)], axis=1)


def test_every_query_lies_in_the_ball_and_the_budget_is_kept() -> None:
    target, x = Recorder(), np.full((3, 2, 7, 9), 128, np.uint8)
    batch = Square(queries=50, seed=1)(target, x, np.zeros(3, int), 10 / 255)
    assert np.array_equal(batch.queries, [49, 49, 49])  # one is kept for a confirmation
    assert all(np.abs(images.astype(int) - 128).max() <= 10 for images in target.asked)
    stripes = target.asked[1].astype(int) - 128
    assert set(np.unique(stripes)) == {-10, 10} and (stripes == stripes[:, :, :1]).all()


def test_it_keeps_only_what_lowers_the_margin_and_squares_reach_every_pixel() -> None:
    target, x = Recorder(), np.full((1, 1, 8, 8), 128, np.uint8)
    Square(queries=400, seed=1)(target, x, np.zeros(1, int), 10 / 255)
    best, touched = target.asked[0][0].astype(int), np.zeros((1, 8, 8), bool)
    for images in target.asked[1:]:
        changed = images[0] != best
        touched |= changed if images is not target.asked[1] else False
        if images[0].sum() < best.sum():
            best = images[0].astype(int)
    assert touched.all()
    assert (best == 118).all()  # the darkest image of the ball


def test_squares_shrink_as_the_budget_is_spent() -> None:
    attack = Square(queries=100)
    sides = [attack._side(share, 28, 28) for share in np.linspace(0, 1, 200)]
    assert sides[0] == 25 and sides[-1] == 1 and sides == sorted(sides, reverse=True)
    assert Square(queries=100, area=1.0)._side(0, 5, 3) == 3


def test_more_queries_fool_more_and_noise_less(target: TorchTarget, data: Data) -> None:
    few, many = (Square(queries=q)(target, *data, 0.1).success.sum() for q in (10, 300))
    noise = Uniform(draws=300)(target, *data, 0.1).success.sum()
    assert few < many and noise < many / 2


def test_it_is_at_least_as_strong_as_that_of_art(target: TorchTarget, data: Data) -> None:
    x, y = data[0][:60], data[1][:60]
    ours, theirs = (kind(queries=80)(target, x, y, 0.08) for kind in (Square, ArtSquare))
    assert ours.queries.max() <= 80 and theirs.queries.max() <= 80
    assert 5 < theirs.success.sum() < 55  # a budget at which strength shows
    assert ours.success.sum() >= theirs.success.sum() - 3  # other random squares on 60 images


def test_progress_counts_queries(target: TorchTarget, data: Data) -> None:
    seen: list[tuple[int, int]] = []
    batch = Square(queries=20, progress=lambda asked, standing: seen.append((asked, standing)))(target, *data, 0.1)
    assert seen == sorted(seen, key=lambda entry: entry[0])
    found = int(batch.success.sum())
    assert seen[-1] == (int(batch.queries.sum()) - found, 100 - found)


def test_art_leaves_the_global_generator_alone_and_refuses_tiny_images(target: TorchTarget, data: Data) -> None:
    np.random.seed(5)
    expected = np.random.get_state()[1].copy()
    ArtSquare(queries=5)(target, data[0][:2], data[1][:2], 0.1)
    assert np.array_equal(np.random.get_state()[1], expected)
    with pytest.raises(FlowError, match=r"expected images of at least 8x8 pixels, got \(7, 9\)"):
        ArtSquare(queries=5)(Recorder(), np.zeros((1, 1, 7, 9), np.uint8), np.zeros(1, int), 0.1)
