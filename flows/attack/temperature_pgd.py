"""PGD on logits scaled so that the loss has a gradient (Gupta and Ajanthan 2022, arXiv 2003.13511: PGD++ with network
Jacobian scaling)."""

from __future__ import annotations

from math import log

import numpy as np
import torch
from torch import Tensor

from flows.attack.ascent import Ask
from flows.attack.batch import LINF
from flows.attack.losses import cross_entropy
from flows.attack.pgd import Pgd
from flows.attack.search import Progress, Search
from flows.attack.white_box import ask, jacobian, pixels

SURE = 0.01  # rho: a right class likelier than 1 - SURE leaves cross entropy too little gradient


class TemperaturePgd(Pgd):
    """PGD with cross entropy of b * logits. The network's own scale of logits no longer matters: neither large ones
    (cross entropy is exactly flat) nor small ones hide the way. The right prediction's signs do not change.

    Rule for b, per image: the inverse of the mean singular value of d logits / d pixels at the original (the paper
    averages over images; per image, a search does not depend on the others); and wherever the right class then gets a
    probability above 1 - rho, rho = 0.01, further down to -ln(rho / ((1 - rho)(K - 1))) / (highest - lowest logit),
    which brings it below (the paper's proposition 1). Without any gradient b is 1. Parameters: as in `pgd.Pgd`.
    """

    def __init__(
        self,
        *,
        steps: int = 40,
        restarts: int = 1,
        step_size: float | None = None,
        norm: str = LINF,
        backward: str = "clipped",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            restarts=restarts,
            step_size=step_size,
            norm=norm,
            backward=backward,
            seed=seed,
            progress=progress,
        )
        self.name = self.name.replace("pgd", "temperature-pgd")

    def _ask(self, search: Search, part: np.ndarray) -> Ask:
        right, scale = search.classes(part), self._scale(search, part)

        def question(codes: Tensor, index: Tensor, gradient: bool):
            def loss(logits: Tensor, truth: Tensor) -> Tensor:
                return cross_entropy(unsaturated(logits * scale[index, None], truth), truth)

            return ask(search.target, codes, right[index], loss, gradient)

        return question

    def _scale(self, search: Search, part: np.ndarray) -> Tensor:
        """The inverse mean singular value of each image's Jacobian, float32 (n,)."""
        x = pixels(search.codes(part)).requires_grad_()
        slopes = jacobian(search.target.logits(x), x).flatten(2)
        search.record(part, search.codes(part), np.zeros(len(part), bool), 1)
        mean = torch.linalg.svdvals(slopes).mean(dim=1)
        return torch.where(mean > 0, 1 / mean, 1.0)


def unsaturated(logits: Tensor, right: Tensor) -> Tensor:
    """Logits (n, K), scaled down where softmax gives the right class (int64 (n,)) more than 1 - SURE."""
    with torch.no_grad():
        chosen = torch.softmax(logits, dim=1).gather(1, right[:, None])
        spread = logits.amax(dim=1, keepdim=True) - logits.amin(dim=1, keepdim=True)
        smaller = -log(SURE / ((1 - SURE) * (logits.shape[1] - 1))) / spread
        factor = torch.where(chosen > 1 - SURE, smaller, 1.0)
    return logits * factor
