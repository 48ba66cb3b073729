"""The worst case of one network: per image, the minimum over all attacks (Carlini et al. 2019, arXiv 1902.06705)."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.finds import Finds
from flows.errors import FlowError


class WorstCase:
    """Collects attacks on the same images `x`, uint8 (N, C, H, W), all with budgets in the same `norm`.

    `images`: the first image found that fools, else the original. `fooled`: bool (N,). `by`: the attack's name, ""
    where none succeeded. `finds`: what each attack found.
    """

    def __init__(self, x: np.ndarray, norm: str = LINF) -> None:
        self._originals, self._norm = x, norm
        self.images = x.copy()
        self.fooled = np.zeros(len(x), bool)
        self.by = np.full(len(x), "", dtype=object)
        self.finds = Finds()

    def add(self, batch: AdversarialBatch, index: np.ndarray | None = None) -> None:
        """Takes a batch on the images `index` (integers), by default the first ones. Raises FlowError if it does
        not fit them."""
        index = np.arange(len(batch.images)) if index is None else index
        if len(index) != len(batch.images) or (len(index) and index.max() >= len(self.images)):
            raise FlowError(
                f"worst case: expected {len(index)} of {len(self.images)} images, got {len(batch.images)} "
                f"from {batch.attack}"
            )
        if batch.norm != self._norm:
            raise FlowError(f"worst case: expected budgets in {self._norm}, got {batch.norm} from {batch.attack}")
        batch.check(self._originals[index])
        self.finds.add(batch, self._originals[index], index)
        new = batch.success & ~self.fooled[index]
        self.images[index[new]] = batch.images[new]
        self.by[index[new]] = batch.attack
        self.fooled[index[new]] = True
