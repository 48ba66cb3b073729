"""Targeted Auto-PGD: APGD towards each of the likeliest wrong classes in turn (Croce and Hein 2020, arXiv 2003.01690,
section 4.1)."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.quantizers.backward import MODES
from flows.attack.auto_step import AutoStep
from flows.attack.ball import check_norm
from flows.attack.batch import LINF, AdversarialBatch
from flows.attack.common import at_least
from flows.attack.losses import targeted_dlr
from flows.attack.search import Progress, Search
from flows.attack.white_box import ask, check_choice, pixels


class ApgdTargeted:
    """`steps` steps of APGD with the targeted DLR loss for each of the `classes` wrong classes whose logits are highest
    at the original (fewer where the network has fewer), `restarts` times. The others as in `apgd.Apgd`."""

    def __init__(
        self,
        *,
        steps: int = 100,
        restarts: int = 1,
        classes: int = 9,
        norm: str = LINF,
        backward: str = "clipped",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.steps = at_least("apgd-t steps", steps, 1)
        self.restarts = at_least("apgd-t restarts", restarts, 1)
        self.classes = at_least("apgd-t classes", classes, 1)
        self.norm = check_norm("apgd-t norm", norm)
        self.backward = check_choice("apgd-t backward", backward, MODES)
        self.name = "apgd-t" if norm == LINF else f"apgd-t-{norm}"
        self.seed = seed
        self._progress = progress

    def __call__(self, target: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        search = Search(self.name, target, x, y, epsilon, norm=self.norm, seed=self.seed, progress=self._progress)
        rng = np.random.default_rng(self.seed)
        with search.gradients(self.backward):
            wanted = self._rank(search, len(x))
            for _ in range(self.restarts):
                for rank in range(wanted.shape[1]):
                    offsets = search.offsets(rng)
                    for part in search.batches():
                        start = search.codes(part) + torch.from_numpy(offsets[part])
                        self._towards(search, part, start, wanted[part, rank])
        details = {"backward": self.backward, "loss": "targeted_dlr", "steps": self.steps, "restarts": self.restarts}
        return search.finish({**details, "classes": wanted.shape[1]})

    def _rank(self, search: Search, images: int) -> np.ndarray:
        """The wrong classes to try for each image, likeliest first, int64 (images, at most `classes`)."""
        ranked = np.zeros((images, 0), np.int64)
        for part in search.batches():
            with torch.no_grad():
                logits = search.target.logits(pixels(search.codes(part)))
            right = search.classes(part)
            logits[torch.arange(len(part)), right] = -torch.inf
            order = logits.argsort(dim=1, descending=True, stable=True)[:, : min(self.classes, logits.shape[1] - 1)]
            if not ranked.size:
                ranked = np.zeros((images, order.shape[1]), np.int64)
            ranked[part] = order.numpy()
            search.record(part, search.codes(part), np.zeros(len(part), bool), 1)
        return ranked

    def _towards(self, search: Search, part: np.ndarray, start: torch.Tensor, wanted: np.ndarray) -> None:
        right, goal = search.classes(part), torch.from_numpy(wanted)

        def question(codes, index, gradient):
            def loss(logits, truth):
                return targeted_dlr(logits, truth, goal[index])

            return ask(search.target, codes, right[index], loss, gradient)

        found = AutoStep(question, search.ball(part), start, self.steps).run()
        search.record(part, found.images, found.fooled, found.passes)
