"""Projected gradient ascent from random points of the ball (Madry et al. 2018, arXiv 1706.06083, section 2.1)."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.quantizers.backward import MODES
from flows.attack.ascent import Ask, Steps, climb
from flows.attack.ball import check_norm
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.losses import LOSSES
from flows.attack.search import Progress, Search
from flows.attack.white_box import ask, check_choice
from flows.errors import FlowError


class Pgd:
    """`steps` steps from a random point of the ball, `restarts` times.

    L-infinity steps follow the gradient's sign, L2 steps the gradient. `step_size`: pixel units, None for the largest
    of 2.5 epsilon / steps, epsilon / 4 (quantized networks are flat in between: shorter steps find less) and one code.
    `momentum`, `early_exit`: see `ascent.Steps`. `backward`: how quantizers pass gradients (`MODES`). `loss`: a name
    of `losses.LOSSES`. `random_start`: False starts at the original (then more than one restart is refused).
    `progress`: called with (queries so far, images still standing) after each batch.
    """

    def __init__(
        self,
        *,
        steps: int = 40,
        restarts: int = 1,
        step_size: float | None = None,
        momentum: float = 0.0,
        norm: str = LINF,
        backward: str = "clipped",
        loss: str = "cross_entropy",
        random_start: bool = True,
        early_exit: bool = True,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.steps = at_least("pgd steps", steps, 1)
        self.restarts = at_least("pgd restarts", restarts, 1)
        if restarts > 1 and not random_start:
            raise FlowError("pgd: expected random_start for more than one restart; they would all be the same")
        if step_size is not None and not 0 < step_size <= (1 if norm == LINF else np.finfo(np.float32).max):
            raise FlowError(f"pgd step_size: expected pixel units above 0 up to 1, got {step_size}")
        if not 0 <= momentum <= 1:
            raise FlowError(f"pgd momentum: expected 0 to 1, got {momentum}")
        self.step_size = step_size
        self.momentum = momentum
        self.norm = check_norm("pgd norm", norm)
        self.backward = check_choice("pgd backward", backward, MODES)
        self.loss = check_choice("pgd loss", loss, tuple(LOSSES))
        self.name = "-".join(["pgd", *([loss] * (loss != "cross_entropy")), *([norm] * (norm != LINF))])
        self.random_start = random_start
        self.early_exit = early_exit
        self.seed = seed
        self._progress = progress

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, norm=self.norm, seed=self.seed, progress=self._progress)
        return search.finish(self._climb(search))

    def _climb(self, search: Search) -> dict[str, object]:
        """All restarts; the details."""
        radius = search.budget if self.norm == LINF else search.budget**0.5
        step = max(2.5 * radius / self.steps, radius / 4, 1.0) if self.step_size is None else self.step_size * 255
        steps = Steps(self.steps, step, self.momentum, self.early_exit)
        rng, stuck = np.random.default_rng(self.seed), 0
        with search.gradients(self.backward):
            for _ in range(self.restarts):
                offsets = search.offsets(rng) if self.random_start else None
                for part in search.batches():
                    start = search.codes(part)
                    if offsets is not None:
                        start += torch.from_numpy(offsets[part])
                    found = climb(self._ask(search, part), search.ball(part), start, steps)
                    search.record(part, found.images, found.fooled, found.passes)
                    stuck += found.stuck
        return {
            "backward": self.backward,
            "loss": self.loss,
            "steps": self.steps,
            "restarts": self.restarts,
            "momentum": self.momentum,
            "step_codes": round(step, 3),
            "zero_gradient_stops": stuck,
        }

    def _ask(self, search: Search, part: np.ndarray) -> Ask:
        """What the climb of the images `part` asks."""
        right, loss = search.classes(part), LOSSES[self.loss]
        return lambda codes, index, gradient: ask(search.target, codes, right[index], loss, gradient)
