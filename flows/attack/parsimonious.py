"""Parsimonious attack: local search over the corners of the ball, block by block (Moon et al. 2019, arXiv 1905.06635,
algorithms 1 to 3). It needs no slope anywhere, so steps and thresholds do not hide anything from it."""

from __future__ import annotations

from collections.abc import Generator
from heapq import heapify, heappop, heappush

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, ball
from flows.attack.oracle import Oracle, Progress
from flows.errors import FlowError
from flows.targets.target import Target

BYTES = 1 << 26  # of candidates that are asked about at once
Questions = Generator[np.ndarray, np.ndarray, None]


class Parsimonious:
    """At most `queries` images per original, the clean one and the final confirmation included.

    Every image asked about has each pixel at the lowest or the highest code of its ball. `block`: side of the first
    squares that move as one, in pixels, a power of two; where no square gains anything more they are halved, down to
    single pixels of single channels, until none of those gains anything. `progress`: called with (queries so far,
    images still standing). Deterministic: `seed` is recorded only. No torch. Raises FlowError for other values.
    """

    name = "parsimonious"

    def __init__(self, *, queries: int, block: int = 4, seed: int = 0, progress: Progress | None = None) -> None:
        self.queries = at_least(f"{self.name} queries", queries, 3)
        if block < 1 or block & (block - 1):
            raise FlowError(f"{self.name} block: expected a power of two, got {block}")
        self.block = block
        self.seed = seed
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        oracle = Oracle(self.name, target, x, y, epsilon, self.queries, self._progress)
        low, high = (end.astype(np.uint8) for end in ball(x, oracle.budget))
        standing = np.flatnonzero(oracle.left())
        together = max(BYTES // x[0].size ** 2, 1)
        for first in range(0, len(standing), together):
            part = standing[first : first + together]
            self._together(oracle, {int(i): _corners(low[i], high[i], self.block) for i in part})
        return oracle.result(self.seed, {"block": self.block, "budget": self.queries})

    @staticmethod
    def _together(oracle: Oracle, searches: dict[int, Questions]) -> None:
        """Puts what all searches ask now to the target at once, until each has found, ended or used up its queries."""
        asked = {index: next(search) for index, search in searches.items()}
        while asked:
            left = oracle.left()
            parts = {index: images[: left[index]] for index, images in asked.items()}
            index = np.repeat(list(parts), [len(images) for images in parts.values()])
            answers = oracle.margins(index, np.concatenate(list(parts.values())))
            left, following = oracle.left(), {}
            for i, images in asked.items():
                if left[i] and len(parts[i]) == len(images):
                    try:
                        following[i] = searches[i].send(answers[index == i])
                    except StopIteration:
                        pass
            asked = following


def _corners(low: np.ndarray, high: np.ndarray, block: int) -> Questions:
    """Yields images uint8 (K, C, H, W) and is sent their margins (K,), which it wants small. Ends in a corner that no
    flip of a single pixel improves."""
    image = low.copy()
    (lowest,) = yield image[None]

    def flipped(tile: tuple[slice, ...], up: bool) -> np.ndarray:
        other = image.copy()
        other[tile] = (high if up else low)[tile]
        return other

    while True:
        before = lowest
        for up in (True, False):
            rest = low if up else high
            tiles = [tile for tile in _tiles(image.shape, block) if _may_move(low, high, image, rest, tile)]
            if not tiles:
                continue
            margins = yield np.stack([flipped(tile, up) for tile in tiles])
            version = 0
            queue = [(margin - lowest, place, version) for place, margin in enumerate(margins.tolist())]
            heapify(queue)
            while queue:  # lazily: a gain that was seen before the last flip is looked at again
                gain, place, seen = heappop(queue)
                if seen < version:
                    (margin,) = yield flipped(tiles[place], up)[None]
                    heappush(queue, (int(margin) - lowest, place, version))
                    continue
                if gain >= 0:
                    break
                image, lowest, version = flipped(tiles[place], up), lowest + gain, version + 1
        if block > 1:
            block //= 2
        elif lowest == before:
            return


def _tiles(shape: tuple[int, ...], block: int) -> list[tuple[slice, ...]]:
    channels, height, width = shape
    return [
        (slice(channel, channel + 1), slice(row, row + block), slice(column, column + block))
        for channel in range(channels)
        for row in range(0, height, block)
        for column in range(0, width, block)
    ]


def _may_move(low: np.ndarray, high: np.ndarray, image: np.ndarray, rest: np.ndarray, tile: tuple[slice, ...]) -> bool:
    """Whether all of a tile lies at `rest`, and some of it can move."""
    return np.array_equal(image[tile], rest[tile]) and not np.array_equal(low[tile], high[tile])
