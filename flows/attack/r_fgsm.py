"""A random step, then one along the sign of the gradient (Tramer et al. 2018, arXiv 1705.07204, section 4.1)."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.quantizers.backward import MODES
from flows.attack.batch import AdversarialBatch
from flows.attack.losses import cross_entropy
from flows.attack.search import Search
from flows.attack.white_box import ask, check_choice


class RandomFgsm:
    """x' = x + a r, r random signs, then x' + (epsilon - a) sign(d cross entropy / d x'); a is half the budget, rounded
    down to whole codes. The random step leaves the sharp curves close to an image, which hide the way from FGSM.

    `backward`: how quantizers pass gradients (`MODES`).
    """

    name = "r-fgsm"

    def __init__(self, *, backward: str = "clipped", seed: int = 0) -> None:
        self.backward = check_choice("r-fgsm backward", backward, MODES)
        self.seed = seed

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, seed=self.seed)
        first = search.budget // 2
        signs = np.random.default_rng(self.seed).choice(np.array([-first, first], np.float32), x.shape)
        with search.gradients(self.backward):
            for part in search.batches():
                ball = search.ball(part)
                start = ball.project(search.codes(part) + torch.from_numpy(signs[part]))
                gradient = ask(search.target, start, search.classes(part), cross_entropy).gradient
                moved = ball.project(start + (search.budget - first) * gradient.sign())
                search.record(part, moved, np.ones(len(part), bool), 1)  # `finish` asks the target which ones fool
        return search.finish({"backward": self.backward, "random_codes": first})
