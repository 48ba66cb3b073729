"""Projected gradient ascent in the L-infinity ball (Madry et al. 2018, arXiv 1706.06083, section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brevitas_models.quantizers.backward import MODES, backward_pass
from flows.attack.batch import AdversarialBatch
from flows.attack.common import BATCH, at_least, ball, check_data, finish, labels
from flows.attack.white_box import LOSSES, check_choice, loss_and_gradient, require_gradients
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget


@dataclass(frozen=True, slots=True)
class _Climb:
    """One restart on one batch of n images: what was found (uint8), where (bool), at which cost, and how many
    images stopped because their gradient was zero everywhere."""

    images: np.ndarray
    fooled: np.ndarray
    queries: np.ndarray
    stuck: int


class Pgd:
    """`steps` signed steps from a random point of the ball, `restarts` times.

    The iterate is real-valued; gradient and success are taken at its projection on the 8-bit grid, so one forward
    pass serves both. An image leaves as soon as it is fooled. `step_size`: pixel units, None for the largest of
    2.5 epsilon / steps, epsilon / 4 (quantized networks are flat in between: shorter steps find less) and one code.
    `backward`: see `Fgsm`. `loss`: `cross_entropy` or `margin` (see `white_box`). `random_start`: False starts at
    the original (then more than one restart is refused).
    """

    def __init__(
        self,
        *,
        steps: int = 40,
        restarts: int = 1,
        step_size: float | None = None,
        backward: str = "clipped",
        loss: str = "cross_entropy",
        random_start: bool = True,
        seed: int = 0,
    ) -> None:
        self.steps = at_least("pgd steps", steps, 1)
        self.restarts = at_least("pgd restarts", restarts, 1)
        if restarts > 1 and not random_start:
            raise FlowError("pgd: expected random_start for more than one restart; they would all be the same")
        if step_size is not None and not 0 < step_size <= 1:
            raise FlowError(f"pgd step_size: expected pixel units above 0 up to 1, got {step_size}")
        self.step_size = step_size
        self.backward = check_choice("pgd backward", backward, MODES)
        self.loss = check_choice("pgd loss", loss, LOSSES)
        self.name = "pgd" if loss == "cross_entropy" else f"pgd-{loss}"
        self.random_start = random_start
        self.seed = seed

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        target = require_gradients(self.name, target)
        budget = check_data(self.name, x, y, epsilon)
        step = max(2.5 * budget / self.steps, budget / 4, 1.0) if self.step_size is None else self.step_size * 255
        rng = np.random.default_rng(self.seed)
        low, high = ball(x, budget)
        fooled = labels(target, x) != y
        candidates, queries, stuck = x.copy(), np.ones(len(x), np.int64), 0
        with backward_pass(target.module, self.backward):
            for _ in range(self.restarts if budget else 0):
                # drawn for all images, so that one image's start does not depend on which others are left
                start = x + rng.uniform(-budget, budget, x.shape) * self.random_start
                alive = np.flatnonzero(~fooled)
                for first in range(0, len(alive), BATCH):
                    part = alive[first : first + BATCH]
                    climb = self._climb(target, start[part], y[part], low[part], high[part], step)
                    candidates[part], fooled[part] = climb.images, climb.fooled
                    queries[part] += climb.queries
                    stuck += climb.stuck
        details = {
            "backward": self.backward,
            "loss": self.loss,
            "steps": self.steps,
            "restarts": self.restarts,
            "step_codes": round(step, 3),
            "zero_gradient_stops": stuck,
        }
        return finish(self.name, target, x, y, candidates, fooled, queries, epsilon, self.seed, details)

    def _climb(
        self, target: TorchTarget, start: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, step: float
    ) -> _Climb:
        z = np.clip(start, low, high)
        images = np.rint(z).astype(np.uint8)
        fooled, queries, stuck = np.zeros(len(z), bool), np.zeros(len(z), np.int64), 0
        active = np.arange(len(z))
        for _ in range(self.steps + 1):
            images[active] = np.rint(z[active])
            logits, gradient = loss_and_gradient(target, images[active], y[active], self.loss)
            queries[active] += 1
            wrong = logits.argmax(axis=1) != y[active]
            fooled[active[wrong]] = True
            still = ~gradient.any(axis=(1, 2, 3))
            stuck += int(np.count_nonzero(still & ~wrong))
            onward = ~(wrong | still)
            active, ascent = active[onward], np.sign(gradient[onward])
            if not len(active):
                break
            z[active] = np.clip(z[active] + step * ascent, low[active], high[active])
        return _Climb(images, fooled, queries, stuck)
