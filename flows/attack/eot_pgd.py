"""PGD through networks that draw random numbers: expectation over transformation (Athalye et al. 2018, arXiv
1707.07397, and arXiv 1802.00420, section 4.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flows.attack.ascent import Ask
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.losses import LOSSES
from flows.attack.majority import Majority
from flows.attack.pgd import Pgd
from flows.attack.search import Progress, Search
from flows.attack.white_box import Answer, ask

FEWEST = 20  # draws: fewer leave the noise in the gradient, and the network looks robust for it
AVERAGED = ("logits", "loss", "gradient")


class EotPgd(Pgd):
    """PGD along the mean gradient of `draws` separate forward passes (at least 20), so that noise cancels out.

    An image counts as fooled when more than half of `verdict_draws` fresh predictions are wrong (`Majority`): the
    clean ones first, and what was found at the end; the climb takes its own draws' majority to let an image go. All
    draws come from torch's generator, seeded with `seed` for the call and put back afterwards. Queries count every
    draw. The others as in `pgd.Pgd`.
    """

    def __init__(
        self,
        *,
        draws: int = 20,
        verdict_draws: int = 51,
        steps: int = 40,
        restarts: int = 1,
        step_size: float | None = None,
        norm: str = LINF,
        backward: str = "clipped",
        loss: str = "cross_entropy",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            restarts=restarts,
            step_size=step_size,
            norm=norm,
            backward=backward,
            loss=loss,
            seed=seed,
            progress=progress,
        )
        self.draws = at_least("eot-pgd draws", draws, FEWEST)
        self.verdict_draws = at_least("eot-pgd verdict_draws", verdict_draws, FEWEST)
        self.name = self.name.replace("pgd", "eot-pgd")

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            judge = Majority(self.verdict_draws)
            search = Search(
                self.name,
                target,
                x,
                y,
                epsilon,
                norm=self.norm,
                seed=self.seed,
                progress=self._progress,
                judge=judge,
                passes=self.draws,
            )
            details = self._climb(search)
            return search.finish({**details, "draws": self.draws, "verdict_draws": self.verdict_draws})

    def _ask(self, search: Search, part: np.ndarray) -> Ask:
        right, loss = search.classes(part), LOSSES[self.loss]

        def question(codes: Tensor, index: Tensor, gradient: bool) -> Answer:
            answers = [ask(search.target, codes, right[index], loss, gradient) for _ in range(self.draws)]
            fooled = 2 * np.sum([answer.wrong for answer in answers], axis=0) > self.draws
            mean = [torch.stack([getattr(answer, part) for answer in answers]).mean(dim=0) for part in AVERAGED]
            return Answer(wrong=fooled, **dict(zip(AVERAGED, mean, strict=True)))

        return question
