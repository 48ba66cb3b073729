"""The 8x8 digits that scikit-learn carries (UCI optical recognition of handwritten digits, its test part)."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from brevitas_models.data.split import Split

HELD_OUT = 4  # every fourth picture of a class is for testing
SEED = 20240901


def load(directory: str = "") -> Split:
    """1,797 pictures (N, 1, 8, 8), codes round(v * 255 / 16) of the original 0..16; 10 classes.

    A quarter of every class is held out, chosen by a fixed permutation; both parts keep the original order.
    """
    data = load_digits()
    x = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    y = data.target.astype(np.int64)
    test = np.zeros(len(y), dtype=bool)
    generator = np.random.Generator(np.random.PCG64(SEED))
    for label in range(10):
        members = generator.permutation(np.flatnonzero(y == label))
        test[members[::HELD_OUT]] = True
    return Split(x[~test], y[~test], x[test], y[test], 10, "digits")
