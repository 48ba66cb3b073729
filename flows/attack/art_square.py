"""The Square attack of the Adversarial Robustness Toolbox: a second implementation, to compare ours with.

It runs image by image with one square for all its channels' rows, never reaches the last row and column with a
square, and imports torch; `flows.attack.square` is what evaluations and circuits use.
"""

from __future__ import annotations

# isort: off
from flows import art_settled  # noqa: F401, before ART itself

# isort: on
import numpy as np
from art.attacks.evasion.square_attack import SquareAttack
from art.estimators.classification import BlackBoxClassifierNeuralNetwork

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, check_data, finish
from flows.errors import FlowError
from flows.targets.target import Target

SMALLEST = 8  # ART draws its squares' corners from an empty range on images not much larger than the first square


class _Spent(Exception):
    """The budget of one image is used up."""


class _Oracle:
    """Scores for one image's search, each distinct image asked once; remembers whether one of them fooled.

    ART asks for the same image up to three times a round; scores are deterministic, so the answer is kept.
    """

    def __init__(self, target: Target, original: np.ndarray, label: int, budget: int, allowance: int) -> None:
        self._target, self._original, self._label = target, original.astype(np.int16), label
        self._budget, self._allowance = budget, allowance
        self._known: dict[bytes, np.ndarray] = {}
        self.queries = 0
        self.found: np.ndarray | None = None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 pixel codes (N, C, H, W) -> float32 scores (N, classes), the best of each row at zero."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: np.ndarray) -> np.ndarray:
        moved = np.clip(np.rint(image), self._original - self._budget, self._original + self._budget)
        codes = np.clip(moved, 0, 255).astype(np.uint8)
        key = codes.tobytes()
        if key not in self._known:
            if self.queries == self._allowance:
                raise _Spent
            scores = self._target.predict(codes[None])[0]
            self.queries += 1
            if scores.argmax() != self._label:
                self.found = codes
            # ART works in float32: only differences matter, and small ones must stay exact
            self._known[key] = (scores - scores.max()).astype(np.float32)
        return self._known[key]


class ArtSquare:
    """At most `queries` distinct images per original, the clean one and the confirmation included. `area`: p_init.

    ART draws from numpy's global generator; it is seeded for each image and put back afterwards.
    """

    name = "art-square"

    def __init__(self, *, queries: int, area: float = 0.8, seed: int = 0) -> None:
        self.queries = at_least("art-square queries", queries, 3)
        self.area = area
        self.seed = seed

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W), sides of at least 8; `y`: integers (N,); `epsilon`: pixel units."""
        budget = check_data(self.name, x, y, epsilon)
        if min(x.shape[2:]) < SMALLEST:
            raise FlowError(f"art-square: expected images of at least {SMALLEST}x{SMALLEST} pixels, got {x.shape[2:]}")
        candidates, fooled, queries = x.copy(), np.zeros(len(x), bool), np.zeros(len(x), np.int64)
        state = np.random.get_state()
        try:
            for i in range(len(x)):
                np.random.seed((self.seed * 1_000_003 + i) % (1 << 32))
                oracle = _Oracle(target, x[i], int(y[i]), budget, self.queries - 1)
                self._search(oracle, x[i : i + 1], int(y[i]), budget)
                if oracle.found is not None:
                    candidates[i], fooled[i] = oracle.found, True
                queries[i] = oracle.queries
        finally:
            np.random.set_state(state)
        details = {"area": self.area, "budget": self.queries}
        return finish(self.name, target, x, y, candidates, fooled, queries, epsilon, self.seed, details)

    def _search(self, oracle: _Oracle, image: np.ndarray, label: int, budget: int) -> None:
        codes = image.astype(np.float32)
        classes = oracle(codes).shape[1]
        if oracle.found is not None or not budget:
            return
        classifier = BlackBoxClassifierNeuralNetwork(
            oracle, image.shape[1:], classes, channels_first=True, clip_values=(0.0, 255.0)
        )
        attack = SquareAttack(
            classifier, eps=float(budget), max_iter=self.queries, p_init=self.area, nb_restarts=1, verbose=False
        )
        try:
            attack.generate(codes, np.array([label]))
        except _Spent:
            return
