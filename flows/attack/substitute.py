"""A substitute model: learns the target's answers, then lends its gradients (Papernot et al. 2017, arXiv 1602.02697,
algorithm 1: Jacobian-based augmentation)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, ball
from flows.attack.oracle import Oracle, Progress
from flows.attack.white_box import loss_and_gradient
from flows.errors import FlowError
from flows.targets.target import Target
from flows.targets.torch_target import TorchTarget, to_pixels

EPOCHS, BATCH, LEARNING_RATE = 20, 64, 2e-3  # of each round's training
STEPS, MOMENTUM = 20, 0.9  # of the ascent on the substitute


class Substitute:
    """At most `queries` images per original: clean, augmentation, `tries` transfers, confirmation. Labels only.

    The attacker's own images are those it attacks. `rounds` of augmentation each double the training set (as far as
    `queries` goes) by moving every sample `augmentation` (pixel units, whole codes) along the sign of the
    substitute's Jacobian (the row of the target's label against that of the runner-up), over the boundary and back in
    turn. The substitute, a perceptron of two
    hidden layers of `hidden` units, learns the target's labels; then images that climb the substitute's margin from
    `tries` random points of the ball are tried on the target. An image that fools on the way (an augmented one
    within epsilon) counts too.
    """

    name = "substitute"

    def __init__(
        self,
        *,
        queries: int,
        rounds: int = 5,
        augmentation: float = 0.1,
        tries: int = 10,
        hidden: int = 128,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.queries = at_least("substitute queries", queries, 3)
        self.rounds = at_least("substitute rounds", rounds, 1)
        self.tries = at_least("substitute tries", tries, 1)
        self.hidden = at_least("substitute hidden", hidden, 1)
        if not 1 / 255 <= augmentation <= 1:
            raise FlowError(f"substitute augmentation: expected pixel units from 1/255 to 1, got {augmentation}")
        self.augmentation, self.seed = augmentation, seed
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        oracle = Oracle(self.name, target, x, y, epsilon, self.queries, self._progress)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model, samples, agreement = self._learn(oracle)
        rng = np.random.default_rng(self.seed)
        for _ in range(self.tries):
            starts = rng.uniform(-oracle.budget, oracle.budget, x.shape)
            part = np.flatnonzero(oracle.left() > 0)
            if not len(part):
                break
            oracle.labels(part, _climb(model, x[part], y[part], starts[part], oracle.budget))
        details = {
            "rounds": self.rounds,
            "augmentation_codes": round(self.augmentation * 255),
            "samples": samples,
            "agreement": agreement,
            "budget": self.queries,
        }
        return oracle.result(self.seed, details)

    def _learn(self, oracle: Oracle) -> tuple[TorchTarget, int, float]:
        """The trained substitute, how many labelled samples it learned from, and on which share of them it agrees."""
        samples, owners, labels = oracle.x.copy(), np.arange(len(oracle.x)), oracle.clean
        classes, pixels = oracle.classes, oracle.x[0].size
        model = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(pixels, self.hidden), nn.ReLU()),
            *(nn.Linear(self.hidden, self.hidden), nn.ReLU()),
            nn.Linear(self.hidden, classes),
        )
        twin = TorchTarget(model, None)
        for turn in range(self.rounds):
            _train(model, samples, labels)
            moved = self._augment(twin, samples, labels, 1 if turn % 2 == 0 else -1)
            chosen = self._affordable(oracle, owners)
            answers = oracle.labels(owners[chosen], moved[chosen])
            samples = np.concatenate([samples, moved[chosen]])
            labels, owners = np.concatenate([labels, answers]), np.concatenate([owners, owners[chosen]])
        _train(model, samples, labels)
        agreement = float((twin.predict(samples).argmax(axis=1) == labels).mean())
        return twin, len(samples), agreement

    def _augment(self, model: TorchTarget, samples: np.ndarray, labels: np.ndarray, sign: int) -> np.ndarray:
        """The samples, uint8, each moved along the sign of the margin's gradient (sign 1: towards another class)."""
        _, gradient = loss_and_gradient(model, samples, labels, "margin")
        step = sign * round(self.augmentation * 255) * np.sign(gradient)
        return np.clip(samples + step, 0, 255).astype(np.uint8)

    def _affordable(self, oracle: Oracle, owners: np.ndarray) -> np.ndarray:
        """Which samples (indices into `owners`, the search each descends from) may be asked about, the oldest first,
        so that every search keeps its tries."""
        spare = np.maximum(oracle.left() - self.tries, 0)
        order = np.argsort(owners, kind="stable")
        first = np.searchsorted(owners[order], owners[order])
        return np.sort(order[np.arange(len(order)) - first < spare[owners[order]]])


def _train(model: nn.Module, samples: np.ndarray, labels: np.ndarray) -> None:
    """Cross entropy on uint8 (N, C, H, W) and int64 (N,), from where the model stands."""
    x, y = to_pixels(samples), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[part]), y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _climb(model: TorchTarget, x: np.ndarray, y: np.ndarray, start: np.ndarray, budget: int) -> np.ndarray:
    """uint8 like `x` that the substitute gets as wrong as signed steps with momentum make it; never stops early,
    because what barely fools the substitute rarely fools the target."""
    low, high = ball(x, budget)
    z, momentum = np.clip(x + start, low, high), np.zeros(x.shape)
    for _ in range(STEPS):
        _, gradient = loss_and_gradient(model, np.rint(z).astype(np.uint8), y, "margin")
        size = np.abs(gradient).sum(axis=(1, 2, 3), keepdims=True)
        momentum = MOMENTUM * momentum + gradient / np.maximum(size, 1e-30)
        z = np.clip(z + max(2.5 * budget / STEPS, 1.0) * np.sign(momentum), low, high)
    return np.rint(z).astype(np.uint8)
