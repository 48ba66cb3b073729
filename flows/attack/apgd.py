"""Auto-PGD: projected ascent without a step size to choose (Croce and Hein 2020, arXiv 2003.01690, section 3)."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.quantizers.backward import MODES
from flows.attack.auto_step import AutoStep
from flows.attack.ball import check_norm
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.losses import LOSSES
from flows.attack.search import Progress, Search
from flows.attack.white_box import ask, check_choice

SHORT = {"cross_entropy": "ce"}


class Apgd:
    """`steps` steps from a random point of the ball, `restarts` times; the step size adapts (see `auto_step`).

    `loss`: a name of `losses.LOSSES`; `cross_entropy` makes it APGD-CE, `dlr` APGD-DLR. `norm`, `backward`,
    `progress`: as in `pgd.Pgd`.
    """

    def __init__(
        self,
        *,
        steps: int = 100,
        restarts: int = 1,
        loss: str = "cross_entropy",
        norm: str = LINF,
        backward: str = "clipped",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.steps = at_least("apgd steps", steps, 1)
        self.restarts = at_least("apgd restarts", restarts, 1)
        self.loss = check_choice("apgd loss", loss, tuple(LOSSES))
        self.norm = check_norm("apgd norm", norm)
        self.backward = check_choice("apgd backward", backward, MODES)
        self.name = "-".join(["apgd", SHORT.get(loss, loss), *([norm] * (norm != LINF))])
        self.seed = seed
        self._progress = progress

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, norm=self.norm, seed=self.seed, progress=self._progress)
        rng, loss = np.random.default_rng(self.seed), LOSSES[self.loss]
        with search.gradients(self.backward):
            for _ in range(self.restarts):
                offsets = search.offsets(rng)
                for part in search.batches():
                    start = search.codes(part) + torch.from_numpy(offsets[part])
                    right = search.classes(part)

                    def question(codes, index, gradient, right=right):
                        return ask(search.target, codes, right[index], loss, gradient)

                    found = AutoStep(question, search.ball(part), start, self.steps).run()
                    search.record(part, found.images, found.fooled, found.passes)
        details = {"backward": self.backward, "loss": self.loss, "steps": self.steps, "restarts": self.restarts}
        return search.finish(details)
