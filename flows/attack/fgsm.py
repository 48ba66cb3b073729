"""One step along the sign of the gradient (Goodfellow et al. 2015, arXiv 1412.6572, section 4)."""

from __future__ import annotations

import numpy as np

from brevitas_models.quantizers.backward import MODES
from flows.attack.batch import AdversarialBatch
from flows.attack.losses import cross_entropy
from flows.attack.search import Search
from flows.attack.white_box import ask, check_choice


class Fgsm:
    """x' = x + epsilon sign(d cross entropy / d x), a whole number of pixel codes.

    `backward`: how quantizers pass gradients (`MODES`). Deterministic: `seed` is recorded only.
    """

    name = "fgsm"

    def __init__(self, *, backward: str = "clipped", seed: int = 0) -> None:
        self.backward = check_choice("fgsm backward", backward, MODES)
        self.seed = seed

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, seed=self.seed)
        with search.gradients(self.backward):
            for part in search.batches():
                codes = search.codes(part)
                gradient = ask(search.target, codes, search.classes(part), cross_entropy).gradient
                moved = search.ball(part).project(codes + search.budget * gradient.sign())
                search.record(part, moved, np.ones(len(part), bool), 1)  # `finish` asks the target which ones fool
        return search.finish({"backward": self.backward})
