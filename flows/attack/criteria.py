"""How a share of images is reported: with its 95 % interval."""

from __future__ import annotations

from math import sqrt

import numpy as np

from flows.errors import FlowError

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson(hits: int, images: int) -> tuple[float, float]:
    """95 % score interval of a share, `hits` of `images` (Wilson 1927, JASA 22:209). Raises FlowError for none."""
    if images < 1 or not 0 <= hits <= images:
        raise FlowError(f"interval: expected 0 <= hits <= images and at least one image, got {hits} of {images}")
    share, z2 = hits / images, Z95 * Z95
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = Z95 * sqrt(share * (1 - share) / images + z2 / (4 * images * images)) / (1 + z2 / images)
    # at the ends the interval touches 0 or 1 exactly; rounding must not push it past the share itself
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def accuracy(correct: np.ndarray) -> dict[str, float | int]:
    """bool (N,) -> `accuracy` with `low` and `high` (Wilson 95 %), all shares of 1, and `images`."""
    hits, images = int(np.count_nonzero(correct)), len(correct)
    low, high = wilson(hits, images)
    return {"accuracy": hits / images, "low": low, "high": high, "images": images}
