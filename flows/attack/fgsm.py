"""One step along the sign of the gradient (Goodfellow et al. 2015, arXiv 1412.6572, section 4)."""

from __future__ import annotations

import numpy as np

from brevitas_models.quantizers.backward import MODES, backward_pass
from flows.attack.batch import AdversarialBatch
from flows.attack.common import BATCH, ball, check_data, finish, labels
from flows.attack.white_box import check_choice, loss_and_gradient, require_gradients


class Fgsm:
    """x' = x + epsilon sign(d cross entropy / d x), a whole number of pixel codes.

    `backward`: how quantizers pass gradients (`clipped`, `identity`, `tanh`, `staircase`). Deterministic: `seed` is
    recorded only.
    """

    name = "fgsm"

    def __init__(self, *, backward: str = "clipped", seed: int = 0) -> None:
        self.backward = check_choice("fgsm backward", backward, MODES)
        self.seed = seed

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        target = require_gradients(self.name, target)
        budget = check_data(self.name, x, y, epsilon)
        low, high = ball(x, budget)
        fooled = labels(target, x) != y
        candidates, queries = x.copy(), np.ones(len(x), np.int64)
        alive = np.flatnonzero(~fooled)
        with backward_pass(target.module, self.backward):
            for start in range(0, len(alive), BATCH):
                part = alive[start : start + BATCH]
                _, gradient = loss_and_gradient(target, x[part], y[part])
                moved = x[part] + budget * np.sign(gradient).astype(np.int16)
                candidates[part] = np.clip(moved, low[part], high[part])
                queries[part] += 1
        fooled[alive] = True  # candidates until `finish` asks the target
        details = {"backward": self.backward}
        return finish(self.name, target, x, y, candidates, fooled, queries, epsilon, self.seed, details)
