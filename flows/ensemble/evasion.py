"""An attack that knows the detector: it fools the ensemble and keeps its members of one mind (Carlini and Wagner 2017,
arXiv 1705.07263: a detector counts only against an attacker who has read it)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from brevitas_models.defences.diversity import disagreement
from brevitas_models.networks.ensemble import Ensemble
from flows.attack.ball import BALLS
from flows.attack.batch import LINF
from flows.attack.common import at_least, check_data
from flows.attack.white_box import attacked, pixels
from flows.targets.torch_target import TorchTarget


@dataclass(frozen=True, slots=True)
class Evasion:
    """PGD along the mean gradient of `draws` passes (expectation over transformation) up

        cross entropy of the added scores - weight * disagreement of members and draws,

    the second term for pictures that fool already: members disagree most at the border between two classes, and a
    picture that has to cross it would be held back. Keeps, of all steps that fool the majority of their draws, the one
    with the least disagreement. `step_size`: share of the budget.
    """

    draws: int = 20
    steps: int = 20
    weight: float = 1.0
    step_size: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("evasion draws", self.draws, 2)
        at_least("evasion steps", self.steps, 1)

    def __call__(
        self, target: TorchTarget, x: np.ndarray, y: np.ndarray, epsilon: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Returns uint8 images within the budget
        and bool (N,), which of them fooled (the others are the originals). Draws follow from `seed`."""
        budget = check_data("evasion", x, y, epsilon)
        codes, right = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.int64))
        ball = BALLS[LINF].around(codes, budget)
        start = ball.offsets(np.random.default_rng(self.seed), x.shape, budget)
        z = ball.project(codes + torch.from_numpy(start))
        best, least = codes.clone(), torch.full((len(x),), torch.inf)
        with torch.random.fork_rng(devices=[]), attacked(target, "clipped"):
            torch.manual_seed(self.seed)
            for _ in range(self.steps + 1):
                images = ball.snap(z)
                fooled, apart, gradient = self._ask(target.module, images, right)
                better = fooled & (apart < least)
                best[better], least[better] = images[better], apart[better]
                z = ball.project(z + max(self.step_size * budget, 1.0) * gradient.sign())
        return best.to(torch.uint8).numpy(), torch.isfinite(least).numpy()

    def _ask(self, ensemble: Ensemble, images: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Whether most draws are wrong (N,), the disagreement (N,), and the gradient, for codes float32."""
        x = pixels(images).requires_grad_()
        answers = [torch.stack(ensemble.answers(x)) for _ in range(self.draws)]
        added = [members.sum(dim=0) for members in answers]
        fooled = sum((logits.argmax(dim=1) != right).int() for logits in added) * 2 > self.draws
        apart = disagreement(torch.softmax(torch.stack(answers), dim=-1).flatten(0, 1))
        loss = sum(nn.functional.cross_entropy(logits, right, reduction="sum") for logits in added) / self.draws
        (gradient,) = torch.autograd.grad(loss - self.weight * apart[fooled].sum(), x)
        return fooled, apart.detach(), gradient
