"""Intervals and the worst case per image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from flows.attack.batch import AdversarialBatch
from flows.attack.criteria import accuracy, wilson
from flows.attack.worst_case import WorstCase
from flows.errors import FlowError


@pytest.mark.parametrize(("hits", "images"), [(0, 1), (1, 1), (0, 200), (200, 200), (7, 20), (437, 450), (1, 10000)])
def test_the_interval_is_that_of_scipy(hits: int, images: int) -> None:
    expected = binomtest(hits, images).proportion_ci(0.95, "wilson")
    low, high = wilson(hits, images)
    assert low == pytest.approx(expected.low, abs=1e-12) and high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= low <= hits / images <= high <= 1


@pytest.mark.parametrize(("hits", "images"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_counts_are_refused(hits: int, images: int) -> None:
    with pytest.raises(FlowError, match="expected 0 <= hits <= images and at least one image"):
        wilson(hits, images)


def test_accuracy_counts() -> None:
    record = accuracy(np.array([True, False, True, True]))
    assert (record["accuracy"], record["images"]) == (0.75, 4)
    assert record["low"] < 0.75 < record["high"]


X = np.full((4, 1, 2, 2), 100, np.uint8)


def _batch(name: str, fooled: list[int], change: int, images: int = 4, epsilon: float = 0.1) -> AdversarialBatch:
    success = np.isin(np.arange(images), fooled)
    moved = np.where(success[:, None, None, None], X[:images] + np.uint8(change), X[:images])
    return AdversarialBatch(moved, success, np.ones(images, np.int64), name, "torch", epsilon, 0, {})


def test_the_worst_case_is_the_minimum_over_attacks_per_image() -> None:
    worst = WorstCase(X)
    worst.add(_batch("a", [0], 1))
    worst.add(_batch("b", [0, 2], 2, images=3))
    assert worst.fooled.tolist() == [True, False, True, False]
    assert worst.by.tolist() == ["a", "", "b", ""]
    assert worst.images[:, 0, 0, 0].tolist() == [101, 100, 102, 100]
    worst.add(_batch("c", [1], 3, images=2), np.array([1, 3]))
    assert worst.fooled.tolist() == [True, False, True, True] and worst.by[3] == "c"
    assert (X == 100).all()


def test_what_does_not_fit_is_refused() -> None:
    worst = WorstCase(X[:3])
    with pytest.raises(FlowError, match="worst case: expected 4 of 3 images, got 4 from a"):
        worst.add(_batch("a", [0], 1))
    with pytest.raises(FlowError, match="a: moved a pixel by 26/255, budget 25/255"):
        worst.add(_batch("a", [0], 26, images=3))
