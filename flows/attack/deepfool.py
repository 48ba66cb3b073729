"""DeepFool: step to the nearest class border of the linearized network (Moosavi-Dezfooli et al. 2016, arXiv
1511.04599, algorithm 2; L-infinity: section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from brevitas_models.quantizers.backward import MODES
from flows.attack.ball import check_norm
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.search import Progress, Search
from flows.attack.white_box import check_choice, jacobian, pixels, wrong
from flows.errors import FlowError

NUDGE = 1e-4  # beyond the border, in logits


class DeepFool:
    """At most `steps` steps; each costs one gradient per class, of the `classes` likeliest ones.

    The sum of all steps is stretched by 1 + `overshoot`, clipped to the budget's ball and put on the 8-bit grid; an
    image leaves when that fools. Where the clipped sum does not fool, the search goes on from it. `norm`, `backward`,
    `progress`: as in `pgd.Pgd`. Deterministic: `seed` is recorded only.
    """

    def __init__(
        self,
        *,
        steps: int = 50,
        classes: int = 10,
        overshoot: float = 0.02,
        norm: str = LINF,
        backward: str = "clipped",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.steps = at_least("deepfool steps", steps, 1)
        self.classes = at_least("deepfool classes", classes, 2)
        if not 0 <= overshoot < np.inf:
            raise FlowError(f"deepfool overshoot: expected 0 or more, got {overshoot}")
        self.overshoot = overshoot
        self.norm = check_norm("deepfool norm", norm)
        self.backward = check_choice("deepfool backward", backward, MODES)
        self.name = "deepfool" if norm == LINF else f"deepfool-{norm}"
        self.seed = seed
        self._progress = progress

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, norm=self.norm, seed=self.seed, progress=self._progress)
        with search.gradients(self.backward):
            for part in search.batches():
                self._fool(search, part)
        details = {"backward": self.backward, "steps": self.steps, "overshoot": self.overshoot}
        return search.finish({**details, "classes": self.classes})

    def _fool(self, search: Search, part: np.ndarray) -> None:
        right, originals = search.classes(part), search.codes(part)
        z, images, active = originals.clone(), originals.clone(), torch.arange(len(part))
        ball, found = search.ball(part), originals.clone()
        fooled, passes = np.zeros(len(part), bool), np.zeros(len(part), np.int64)
        for _ in range(self.steps + 1):
            bad, logits, slopes = self._linearize(search, images, right[active])
            passes[active.numpy()] += 1
            new = torch.from_numpy(bad)
            found[active[new]] = images[new]
            fooled[active[new].numpy()] = True
            stay = torch.from_numpy(np.flatnonzero(~bad))
            if not len(stay):
                break
            if len(stay) < len(active):
                active, z, ball, originals = active[stay], z[stay], ball.part(stay), originals[stay]
            z = ball.project(z + self._step(logits[stay], slopes[stay]))
            stretched = originals + (1 + self.overshoot) * (z - originals)
            images = ball.snap(ball.project(stretched))
        search.record(part, found, fooled, passes)

    def _linearize(self, search: Search, images: Tensor, right: Tensor) -> tuple[np.ndarray, Tensor, Tensor]:
        """Which are wrong, bool (n,); logits (n, k), the right class first, then the likeliest others; their gradients
        per code (n, k, C, H, W)."""
        x = pixels(images).requires_grad_()
        logits = search.target.logits(x)
        ranked = logits.detach().clone()
        ranked[torch.arange(len(right)), right] = torch.inf
        order = ranked.argsort(dim=1, descending=True, stable=True)[:, : self.classes]
        chosen = logits.gather(1, order)
        return wrong(logits, right), chosen.detach(), jacobian(chosen, x) / 255

    def _step(self, logits: Tensor, slopes: Tensor) -> Tensor:
        """The shortest step (n, C, H, W), in codes, that reaches a border of the linearized network; zero where all
        its gradients are."""
        gaps = (logits[:, 1:] - logits[:, :1]).abs() + NUDGE
        slopes = slopes[:, 1:] - slopes[:, :1]
        lengths = slopes.flatten(2).norm(p=1 if self.norm == LINF else 2, dim=2)
        distances = torch.where(lengths > 0, gaps / lengths, torch.inf)
        nearest = distances.argmin(dim=1)
        rows = torch.arange(len(nearest))
        slope, length, distance = slopes[rows, nearest], lengths[rows, nearest], distances[rows, nearest]
        direction = slope.sign() if self.norm == LINF else slope / length.clamp(min=1e-30)[:, None, None, None]
        return direction * torch.where(distance < torch.inf, distance, 0.0)[:, None, None, None]
