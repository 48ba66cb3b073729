"""Images that fool another network, tried on this one."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import check_data, finish, labels
from flows.errors import FlowError
from flows.targets.target import Target


class Transfer:
    """`images`: uint8 like the attacked ones, found on the network `source` with a budget in `norm`. Needs scores only,
    once per image."""

    name = "transfer"

    def __init__(self, images: np.ndarray, *, source: str, seed: int = 0, norm: str = LINF) -> None:
        self.images = images
        self.source = source
        self.seed = seed
        self.norm = norm

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        check_data(self.name, x, y, epsilon, self.norm)
        if self.images.shape != x.shape or self.images.dtype != np.uint8:
            raise FlowError(
                f"transfer: expected uint8 {x.shape} from {self.source}, got {self.images.dtype} {self.images.shape}"
            )
        right = labels(target, x) == y
        candidates = np.where(right[:, None, None, None], self.images, x)
        moved = (candidates != x).any(axis=(1, 2, 3))
        details = {"source": self.source}
        queries = np.ones(len(x), np.int64)
        fooled = moved | ~right
        return finish(self.name, target, x, y, candidates, fooled, queries, epsilon, self.seed, details, self.norm)
