"""Attacks of ART and foolbox as attacks of ours: any target, images on the grid, successes re-checked there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch

from flows.adapters.art_classifier import art_classifier
from flows.adapters.foolbox_model import foolbox_model
from flows.adapters.pixels import to_float, to_grid
from flows.attack.batch import LINF, AdversarialBatch, grid_budget, grid_distances
from flows.attack.common import check_data, finish
from flows.targets.target import Target


class ToolboxAttack(ABC):
    """What a toolbox returns is rounded to the grid; an image counts as success only if it lies within epsilon there
    (`norm`: `linf` or `l2`) and the target, asked again, errs on it.

    `details`: `claimed` (images that the toolbox's result had the target err on, before the distance is looked at) and
    `too_far` (those of them outside epsilon). Toolboxes count no queries per image: what was asked is spread evenly.
    A toolbox may draw from numpy's and torch's global generators: both are seeded and put back.
    """

    def __init__(self, name: str, *, norm: str = LINF, seed: int = 0) -> None:
        grid_budget(0.0, norm)  # refuses an unknown norm
        self.name, self.norm, self.seed = name, norm, seed

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        budget = check_data(self.name, x, y, epsilon, self.norm)
        before, state = target.queries, np.random.get_state()
        classes = target.predict(x[:1]).shape[1]
        try:
            np.random.seed(self.seed % (1 << 32))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                found = to_grid(self._search(target, x, y.astype(np.int64), classes, budget))
        finally:
            np.random.set_state(state)
        wrong = target.predict(found).argmax(axis=1) != y
        near = grid_distances(found, x, self.norm) <= budget
        share, rest = divmod(target.queries - before, len(x))
        queries = share + (np.arange(len(x)) < rest)
        details = {"claimed": int(wrong.sum()), "too_far": int((wrong & ~near).sum())}
        candidates = np.where(near[:, None, None, None], found, x)
        arrays = (x, y, candidates, wrong & near, queries)
        return finish(self.name, target, *arrays, epsilon, self.seed, details, self.norm)

    @abstractmethod
    def _search(self, target: Target, x: np.ndarray, y: np.ndarray, classes: int, budget: int) -> np.ndarray:
        """The toolbox's images: float pixels [0, 1] like `x`. `budget`: as in `grid_budget`."""

    def _radius(self, budget: int) -> float:
        """The budget on the grid in pixel units: at most epsilon, so that rounding does not leave it."""
        return (budget if self.norm == LINF else budget**0.5) / 255


class ArtAttack(ToolboxAttack):
    """`make(classifier, epsilon)` returns an ART evasion attack, such as `lambda classifier, epsilon:
    SquareAttack(classifier, eps=epsilon, verbose=False)`; attacks that minimize a distance need no epsilon."""

    def __init__(self, name: str, make: Callable[[object, float], object], *, norm: str = LINF, seed: int = 0) -> None:
        super().__init__(name, norm=norm, seed=seed)
        self._make = make

    def _search(self, target: Target, x: np.ndarray, y: np.ndarray, classes: int, budget: int) -> np.ndarray:
        classifier = art_classifier(target, x.shape[1:], classes)
        return self._make(classifier, self._radius(budget)).generate(to_float(x), y)


class FoolboxAttack(ToolboxAttack):
    """`attack`: a foolbox attack, such as `foolbox.attacks.LinfPGD(steps=20)`."""

    def __init__(self, name: str, attack: object, *, norm: str = LINF, seed: int = 0) -> None:
        super().__init__(name, norm=norm, seed=seed)
        self._attack = attack

    def _search(self, target: Target, x: np.ndarray, y: np.ndarray, classes: int, budget: int) -> np.ndarray:
        images, truth = torch.from_numpy(to_float(x)), torch.from_numpy(y)
        # the first of the three: the second one is clipped to epsilon, which undoes what barely fools
        found, _, _ = self._attack(foolbox_model(target), images, truth, epsilons=self._radius(budget))
        return found.numpy()
