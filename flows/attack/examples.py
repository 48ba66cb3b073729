"""A few images with what was done to them, for the report."""

from __future__ import annotations

import numpy as np

from flows.attack.common import labels
from flows.targets.target import Target

EXAMPLES = 12


def examples(
    target: Target, originals: np.ndarray, adversarial: np.ndarray, y: np.ndarray, epsilon: float
) -> list[dict[str, object]]:
    """Up to 12 records of uint8 (N, C, H, W) images: first those right before and wrong after, then the others.

    `clean`, `adversarial`: rows of pixel codes; several channels are averaged.
    """
    clean, after = labels(target, originals), labels(target, adversarial)
    turned = (clean == y) & (after != y)
    chosen = np.concatenate([np.flatnonzero(turned), np.flatnonzero(~turned)])[:EXAMPLES]
    return [
        {
            "label": int(y[i]),
            "epsilon": epsilon,
            "clean": _rows(originals[i]),
            "adversarial": _rows(adversarial[i]),
            "clean_prediction": int(clean[i]),
            "adversarial_prediction": int(after[i]),
        }
        for i in chosen
    ]


def _rows(image: np.ndarray) -> list[list[int]]:
    return np.rint(image.mean(axis=0)).astype(int).tolist()
