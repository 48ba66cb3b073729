"""What every attack does first and last: check the data, ask for the clean images, re-check what it found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.batch import LINF, AdversarialBatch, grid_budget
from flows.errors import FlowError
from flows.targets.layout import check_images
from flows.targets.target import Target

BATCH = 256
Judge = Callable[[Target, np.ndarray, np.ndarray], tuple[np.ndarray, int]]


def at_least(what: str, value: int, least: int) -> int:
    """`value`; raises FlowError below `least`."""
    if value < least:
        raise FlowError(f"{what}: expected at least {least}, got {value}")
    return value


def check_data(attack: str, x: np.ndarray, y: np.ndarray, epsilon: float, norm: str = LINF) -> int:
    """Budget on the grid (`grid_budget`): pixel codes for `linf`. Raises FlowError unless x is uint8
    (N, C, H, W), y integers (N,), N > 0."""
    check_images(x, attack)
    if not len(x) or y.dtype.kind not in "iu" or y.shape != (len(x),):
        raise FlowError(
            f"{attack}: expected at least one image and a class number for each, got {len(x)} images and "
            f"{y.dtype} {y.shape} labels"
        )
    return grid_budget(epsilon, norm)


def labels(target: Target, images: np.ndarray) -> np.ndarray:
    """uint8 (N, C, H, W) -> predicted classes int64 (N,), ties to the lowest index; in batches."""
    parts = [target.predict(images[i : i + BATCH]).argmax(axis=1) for i in range(0, len(images), BATCH)]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def margin(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Right score minus the best wrong one, int64 (N,), of int64 scores (N, classes) and classes (N,)."""
    index = np.arange(len(y))
    others = scores.copy()
    others[index, y] = np.iinfo(np.int64).min
    return scores[index, y] - others.max(axis=1)


def judge_once(target: Target, images: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """bool (N,), the target's prediction for uint8 `images` is wrong; and the queries this took per image."""
    return labels(target, images) != y, 1


def ball(x: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest pixel codes (int16, shape of x) within `budget` codes of `x` and within 0..255."""
    wide = x.astype(np.int16)
    return np.maximum(wide - budget, 0), np.minimum(wide + budget, 255)


def finish(
    attack: str,
    target: Target,
    x: np.ndarray,
    y: np.ndarray,
    candidates: np.ndarray,
    fooled: np.ndarray,
    queries: np.ndarray,
    epsilon: float,
    seed: int,
    details: dict[str, object],
    norm: str = LINF,
    judge: Judge = judge_once,
) -> AdversarialBatch:
    """The batch after the target itself confirmed every image of `candidates` (uint8 like x) marked in `fooled`.

    The confirmation is counted in `queries` (int64 (N,)); what is not confirmed becomes the original again.
    `judge`: who confirms, by default one prediction. Raises FlowError for an image outside the budget.
    """
    found = np.flatnonzero(fooled)
    confirmed = np.zeros(len(x), bool)
    confirmed[found], cost = judge(target, candidates[found], y[found])
    counted = queries.astype(np.int64)
    counted[found] += cost
    images = np.where(confirmed[:, None, None, None], candidates, x)
    batch = AdversarialBatch(images, confirmed, counted, attack, target.name, epsilon, seed, details, norm)
    batch.check(x)
    return batch
