"""The boundary attack: a random walk along the decision boundary towards the original, from predicted classes alone
(Brendel et al. 2018, arXiv 1712.04248, algorithm 1), all images at once and on the 8-bit grid."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import LINF, AdversarialBatch, grid_budget
from flows.attack.boundary_start import approach, starting_points
from flows.attack.common import at_least
from flows.attack.oracle import Oracle, Progress
from flows.errors import FlowError
from flows.targets.target import Target

AXES = (1, 2, 3)
FACTOR = 1.5  # by which a step size changes
MEMORY = 0.8  # weight of the past in the rates of success
ON_SPHERE, INWARDS = np.array([0.2, 0.5]), np.array([0.1, 0.25])  # rates between which step sizes stay
CHECK_EVERY = 5  # steps


class Boundary:
    """At most `queries` images per original, the clean one and the confirmation included.

    It shortens the L2 distance to the nearest wrong image; a search ends with success once that image lies within
    epsilon in `norm` (`linf` or `l2`). `spherical_step`, `source_step`: first step sizes around and towards the
    original, as shares of the distance; each search adapts its own. A step towards the original is at least one
    code of distance, for less would be rounded away.
    """

    def __init__(
        self,
        *,
        queries: int,
        norm: str = LINF,
        spherical_step: float = 0.2,
        source_step: float = 0.1,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.queries = at_least("boundary queries", queries, 3)
        grid_budget(0.0, norm)  # refuses an unknown norm
        for name, value in (("spherical_step", spherical_step), ("source_step", source_step)):
            if not 0 < value < 1:
                raise FlowError(f"boundary {name}: expected a share of the distance between 0 and 1, got {value}")
        self.norm, self.spherical_step, self.source_step, self.seed = norm, spherical_step, source_step, seed
        self.name = "boundary" if norm == LINF else "boundary-l2"
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        oracle = Oracle(self.name, target, x, y, epsilon, self.queries, self._progress, self.norm)
        generators = [np.random.default_rng((self.seed, i)) for i in range(len(x))]
        current, started = starting_points(oracle, generators)
        standing = np.flatnonzero(started & (oracle.left() > 0))
        current[standing] = approach(oracle, standing, current[standing])
        walk = _Walk(len(x), self.spherical_step, self.source_step)
        while True:
            standing = np.flatnonzero(started & (oracle.left() > 0))
            if not len(standing):
                break
            current[standing] = walk.step(oracle, standing, current[standing], generators)
        details = {"budget": self.queries, "never_started": int(np.count_nonzero(~started))}
        return oracle.result(self.seed, details)


class _Walk:
    """Step sizes of N searches, and how often each kind of proposal was wrong lately (float64 (N,), running means)."""

    def __init__(self, searches: int, spherical: float, source: float) -> None:
        self._spherical, self._source = np.full(searches, spherical), np.full(searches, source)
        self._on_sphere, self._inwards = np.full(searches, ON_SPHERE.mean()), np.full(searches, INWARDS.mean())
        self._steps = 0

    def step(
        self, oracle: Oracle, index: np.ndarray, current: np.ndarray, generators: list[np.random.Generator]
    ) -> np.ndarray:
        """`current`, uint8 (M, C, H, W) of the searches `index`, after one proposal each: taken where it is wrong and
        nearer. Every few steps the point on the sphere is asked about too, to adapt the step sizes."""
        originals = oracle.x[index].astype(np.float64)
        away = current - originals
        distance = np.sqrt((away**2).sum(axis=AXES, keepdims=True))
        noise = np.stack([generators[i].standard_normal(current.shape[1:]) for i in index])
        around = self._around(away, distance, noise, self._spherical[index][:, None, None, None])
        share = 1 - np.maximum(self._source[index][:, None, None, None], 1 / distance)
        asked = np.rint(np.clip(originals + share * around, 0, 255)).astype(np.uint8)
        wrong = oracle.labels(index, asked) != oracle.y[index]
        self._adapt(self._inwards, INWARDS, index, wrong, (self._source,))
        self._steps += 1
        if self._steps % CHECK_EVERY == 0:
            open_ = oracle.left()[index] > 0
            sphere = np.rint(np.clip(originals + around, 0, 255)).astype(np.uint8)[open_]
            stays = oracle.labels(index[open_], sphere) != oracle.y[index[open_]]
            self._adapt(self._on_sphere, ON_SPHERE, index[open_], stays, (self._spherical, self._source))
        nearer = ((asked - originals) ** 2).sum(axis=AXES) < (away**2).sum(axis=AXES)
        return np.where((wrong & nearer)[:, None, None, None], asked, current)

    @staticmethod
    def _around(away: np.ndarray, distance: np.ndarray, noise: np.ndarray, size: np.ndarray) -> np.ndarray:
        """`away` from the original turned by `size` (share of the distance) in the direction of `noise`."""
        noise = noise - (noise * away).sum(axis=AXES, keepdims=True) / distance**2 * away
        length = np.sqrt((noise**2).sum(axis=AXES, keepdims=True))
        turned = away + np.divide(size * distance * noise, length, out=np.zeros(away.shape), where=length > 0)
        return turned * distance / np.sqrt((turned**2).sum(axis=AXES, keepdims=True))

    @staticmethod
    def _adapt(
        rates: np.ndarray, wanted: np.ndarray, index: np.ndarray, hits: np.ndarray, sizes: tuple[np.ndarray, ...]
    ) -> None:
        """Longer steps where proposals succeed more often than `wanted` (low, high), shorter ones where less often."""
        rates[index] = MEMORY * rates[index] + (1 - MEMORY) * hits
        factor = np.where(rates[index] > wanted[1], FACTOR, np.where(rates[index] < wanted[0], 1 / FACTOR, 1.0))
        rates[index[factor != 1]] = wanted.mean()
        for size in sizes:
            size[index] = np.clip(size[index] * factor, 1e-3, 0.5)
