"""HopSkipJump: walks along the decision boundary towards the original, from predicted classes alone (Chen et al. 2020,
arXiv 1904.02144, algorithm 2), all images at once and on the 8-bit grid."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import L2, LINF, AdversarialBatch, grid_budget
from flows.attack.boundary_start import approach, starting_points
from flows.attack.common import at_least
from flows.attack.oracle import Oracle, Progress
from flows.errors import FlowError
from flows.targets.target import Target

PART = 64  # images whose probes are in memory at once


class HopSkipJump:
    """At most `queries` images per original, the clean one and the confirmation included.

    It looks for the nearest wrong image; a search ends with success once that lies within epsilon in `norm` (`linf`
    or `l2`). `evaluations`: probes of the first gradient estimate, growing with the square root of the steps.
    `delta`: mean size of a probe's change per pixel, in codes: the paper's shrinks with the distance and would be
    rounded away on the grid, or not cross a step of a quantizer.
    """

    def __init__(
        self,
        *,
        queries: int,
        norm: str = LINF,
        evaluations: int = 10,
        delta: float = 16.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.queries = at_least("hop-skip-jump queries", queries, 3)
        self.evaluations = at_least("hop-skip-jump evaluations", evaluations, 2)
        grid_budget(0.0, norm)  # refuses an unknown norm
        if not 1 <= delta <= 255:
            raise FlowError(f"hop-skip-jump delta: expected pixel codes from 1 to 255, got {delta}")
        self.norm, self.delta, self.seed = norm, delta, seed
        self.name = "hop-skip-jump" if norm == LINF else "hop-skip-jump-l2"
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        oracle = Oracle(self.name, target, x, y, epsilon, self.queries, self._progress, self.norm)
        generators = [np.random.default_rng((self.seed, i)) for i in range(len(x))]
        current, started = starting_points(oracle, generators)
        rounds = 0
        while True:
            standing = np.flatnonzero(started & (oracle.left() > 1))
            if not len(standing):
                break
            rounds += 1
            for first in range(0, len(standing), PART):
                part = standing[first : first + PART]
                current[part] = approach(oracle, part, current[part])
                ascent = self._ascent(oracle, part, current[part], generators, rounds)
                current[part] = self._jump(oracle, part, current[part], ascent, rounds)
        details = {
            "evaluations": self.evaluations,
            "delta_codes": self.delta,
            "budget": self.queries,
            "never_started": int(np.count_nonzero(~started)),
        }
        return oracle.result(self.seed, details)

    def _ascent(
        self, oracle: Oracle, part: np.ndarray, current: np.ndarray, generators: list[np.random.Generator], rounds: int
    ) -> np.ndarray:
        """Direction in which images stay wrong, float64 (M, C, H, W) (equations 8 and 16): zero without questions."""
        ascent = np.zeros(current.shape)
        counts = np.minimum(int(self.evaluations * rounds**0.5), oracle.left()[part])
        for count in np.unique(counts[counts > 1]):  # nearly always one group
            group = np.flatnonzero(counts == count)
            noise = np.stack([self._noise(generators[i], (count, *current.shape[1:])) for i in part[group]])
            probes = np.rint(np.clip(current[group, None] + self.delta * noise, 0, 255)).astype(np.uint8)
            index = np.repeat(part[group], count)
            wrong = oracle.labels(index, probes.reshape(-1, *current.shape[1:])) != oracle.y[index]
            value = wrong.reshape(len(group), count) * 2.0 - 1
            mixed = np.abs(value.mean(axis=1, keepdims=True)) < 1
            value -= np.where(mixed, value.mean(axis=1, keepdims=True), 0)
            ascent[group] = np.einsum("mp,mpchw->mchw", value, probes - current[group, None].astype(np.float64))
        if self.norm == LINF:
            return np.sign(ascent)
        length = np.sqrt((ascent**2).sum(axis=(1, 2, 3), keepdims=True))
        return np.divide(ascent, length, out=ascent, where=length > 0)

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Random directions with a root mean square of about one per pixel: uniform or, for `l2`, Gaussian."""
        return rng.standard_normal(shape) if self.norm == L2 else rng.uniform(-(3**0.5), 3**0.5, shape)

    def _jump(
        self, oracle: Oracle, part: np.ndarray, current: np.ndarray, ascent: np.ndarray, rounds: int
    ) -> np.ndarray:
        """The first wrong image along `ascent`, trying ever shorter steps; `current` where there is none."""
        result = current.copy()
        change = current.astype(np.float64) - oracle.x[part]
        axes = (1, 2, 3)
        distance = np.abs(change).max(axis=axes) if self.norm == LINF else np.sqrt((change**2).sum(axis=axes))
        step, waiting = distance / rounds**0.5, np.ones(len(part), bool)
        while True:
            moved = step[:, None, None, None] * ascent
            waiting &= (np.abs(moved).max(axis=axes) >= 0.5) & (oracle.left()[part] > 0)
            group = np.flatnonzero(waiting)
            if not len(group):
                return result
            asked = np.rint(np.clip(current[group] + moved[group], 0, 255)).astype(np.uint8)
            wrong = oracle.labels(part[group], asked) != oracle.y[part[group]]
            result[group[wrong]] = asked[wrong]
            waiting[group[wrong]] = False
            step /= 2
