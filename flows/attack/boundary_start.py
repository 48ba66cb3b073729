"""Where decision-based attacks start, any image that is answered wrongly, and how they come nearer to the original."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import L2, grid_distances
from flows.attack.oracle import Oracle

TRIES = 20  # random images per search, where no other image helps


def starting_points(oracle: Oracle, generators: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
    """For each search a wrongly answered image, uint8 like `oracle.x`, and where there is one, bool (N,).

    First the nearest clean image among those attacked that is answered with another class: it costs no question, its
    answer is known. Where there is none, up to 20 images of uniform noise.
    """
    x, y = oracle.x, oracle.y
    points, has = x.copy(), oracle.fooled.copy()
    for i in np.flatnonzero(oracle.left() > 0):
        others = np.flatnonzero(oracle.clean != y[i])
        if len(others):
            distances = grid_distances(x[others], np.broadcast_to(x[i], x[others].shape), oracle.norm)
            points[i], has[i] = x[others[distances.argmin()]], True
    for _ in range(TRIES):
        lost = np.flatnonzero(~has & (oracle.left() > 0))
        noise = np.array([generators[i].integers(0, 256, x.shape[1:], np.uint8) for i in lost], np.uint8)
        noise = noise.reshape(-1, *x.shape[1:])
        wrong = oracle.labels(lost, noise) != y[lost]
        points[lost[wrong]], has[lost[wrong]] = noise[wrong], True
    near = np.flatnonzero(has & (oracle.left() > 0) & (grid_distances(points, x, oracle.norm) <= oracle.budget))
    oracle.labels(near, points[near])  # another clean image within the budget is a find
    return points, has


def approach(oracle: Oracle, index: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Bisects between originals and wrongly answered `images` (uint8 (M, C, H, W), of the searches `index`): the
    nearest wrongly answered ones found, uint8.

    `linf`: pixels are clipped to whole distances from the original, down to one past the budget. `l2`: images are
    blended, until no pixel would move by half a code.
    """
    best = images.copy()
    change = images.astype(np.float64) - oracle.x[index]
    reach = np.abs(change).max(axis=(1, 2, 3), initial=0)
    low, high = (np.zeros(len(index)), np.ones(len(index)))
    if oracle.norm != L2:
        low, high = np.full(len(index), oracle.budget - 1.0), reach.copy()
    while True:
        fine = (high - low) * reach <= 0.5 if oracle.norm == L2 else high - low <= 1
        going = np.flatnonzero(~fine & (oracle.left()[index] > 0))
        if not len(going):
            return best
        middle = (low + high)[going] / 2 if oracle.norm == L2 else np.floor((low + high)[going] / 2)
        part, radius = change[going], middle[:, None, None, None]
        nearer = part * radius if oracle.norm == L2 else np.clip(part, -radius, radius)
        asked = (oracle.x[index[going]] + np.rint(nearer)).astype(np.uint8)
        wrong = oracle.labels(index[going], asked) != oracle.y[index[going]]
        best[going[wrong]], high[going[wrong]] = asked[wrong], middle[wrong]
        low[going[~wrong]] = middle[~wrong]
