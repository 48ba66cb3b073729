"""Carlini and Wagner's L2 attack (2017, arXiv 1608.04644, section VI.A): the smallest change that fools."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from brevitas_models.quantizers.backward import MODES
from flows.attack.batch import L2, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.losses import margin
from flows.attack.search import Progress, Search
from flows.attack.white_box import check_choice, pixels, wrong
from flows.errors import FlowError

EDGE = 1 - 1e-6  # keeps atanh of black and white finite
MOST = 1e10  # upper end of the search for c
GROWTH = 10.0  # of c while nothing has fooled


class CarliniWagner:
    """Minimizes |x' - x|^2 + c max(right logit - best wrong logit + `confidence`, 0), x' = (tanh w + 1) / 2, with Adam.

    c starts at `constant` and is searched for each image in `binary_steps` steps of `iterations` iterations each: up
    where nothing fooled, else halfway down. The network sees x' on the 8-bit grid (its gradient passes straight
    through), and distances are those of the grid, so that no later rounding undoes what was found. Success: the
    smallest change found is within epsilon (L2). Deterministic: `seed` is recorded only. `learning_rate`: of Adam, in
    w. `backward`, `progress`: as in `pgd.Pgd`. `details` has the median distance of all that fooled, however far.
    """

    norm = L2

    def __init__(
        self,
        *,
        constant: float = 1e-3,
        learning_rate: float = 1e-2,
        confidence: float = 0.0,
        binary_steps: int = 9,
        iterations: int = 1000,
        backward: str = "clipped",
        name: str = "cw-l2",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        for what, value in (("constant", constant), ("learning_rate", learning_rate)):
            if not 0 < value < np.inf:
                raise FlowError(f"{name} {what}: expected a number above 0, got {value}")
        if not 0 <= confidence < np.inf:
            raise FlowError(f"{name} confidence: expected 0 or more, got {confidence}")
        self.constant, self.learning_rate, self.confidence = constant, learning_rate, confidence
        self.binary_steps = at_least(f"{name} binary_steps", binary_steps, 1)
        self.iterations = at_least(f"{name} iterations", iterations, 1)
        self.backward = check_choice(f"{name} backward", backward, MODES)
        self.name = name
        self.seed = seed
        self._progress = progress

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: L2 distance, pixel units. Raises FlowError."""
        search = Search(self.name, target, x, y, epsilon, norm=L2, seed=self.seed, progress=self._progress)
        lengths = []
        with search.gradients(self.backward):
            for part in search.batches():
                images, squares = self._smallest(search, part)
                asked = self.binary_steps * self.iterations
                search.record(part, images, (squares <= search.budget).numpy(), asked)
                lengths += (squares[squares < torch.inf].sqrt() / 255).tolist()
        details = {
            "backward": self.backward,
            "constant": self.constant,
            "learning_rate": self.learning_rate,
            "confidence": self.confidence,
            "binary_steps": self.binary_steps,
            "iterations": self.iterations,
            "found": len(lengths),
            "median_l2": round(float(np.median(lengths)), 6) if lengths else None,
        }
        return search.finish(details)

    def _smallest(self, search: Search, part: np.ndarray) -> tuple[Tensor, Tensor]:
        """Of the images `part` the closest that fool (whole codes float32) and their squared distances in codes
        (float64 (n,), infinite where none was found)."""
        codes, right = search.codes(part), search.classes(part)
        best, squares = codes.clone(), torch.full((len(part),), torch.inf, dtype=torch.float64)
        low, high = torch.zeros(len(part)), torch.full((len(part),), MOST)
        c = torch.full((len(part),), self.constant)
        for _ in range(self.binary_steps):
            images, found = self._descend(search, codes, right, c)
            closer = found < squares
            best[closer], squares[closer] = images[closer], found[closer]
            fooled = found < torch.inf
            high, low = torch.where(fooled, c.minimum(high), high), torch.where(fooled, low, c.maximum(low))
            c = torch.where(high < MOST, (low + high) / 2, c * GROWTH)
        return best, squares

    def _descend(self, search: Search, codes: Tensor, right: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One descent with fixed c: as `_smallest`."""
        original = pixels(codes)
        w = torch.atanh((2 * original - 1) * EDGE).requires_grad_()
        best, squares = codes.clone(), torch.full((len(codes),), torch.inf, dtype=torch.float64)
        adam = torch.optim.Adam([w], self.learning_rate)
        for _ in range(self.iterations):
            x = (torch.tanh(w) + 1) / 2
            images = (x.detach() * 255).round()
            logits = search.target.logits(x + (pixels(images) - x).detach())
            lead = margin(logits, right)
            length = (x - original).flatten(1).square().sum(1)
            loss = (length + c * (self.confidence - lead).clamp(min=0)).sum()
            (w.grad,) = torch.autograd.grad(loss, w)
            adam.step()
            found = (images - codes).flatten(1).double().square().sum(1)
            sure = torch.from_numpy(wrong(logits, right)) & (lead.detach() >= self.confidence)
            closer = sure & (found < squares)
            best[closer], squares[closer] = images[closer], found[closer]
        return best, squares
