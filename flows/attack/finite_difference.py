"""Attacks that estimate the gradient of the margin from pairs of scores, and follow it in the L-infinity ball."""

from __future__ import annotations

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.common import at_least, ball
from flows.attack.oracle import Oracle, Progress
from flows.errors import FlowError
from flows.targets.target import Target

PART = 64  # images whose probes are in memory at once


class FiniteDifference:
    """What NES, SPSA and ZOO have in common: an estimate of the gradient from `pairs` pairs of probes, a step, one
    question about where it leads.

    At most `queries` images per original, the clean one and the confirmation included. `delta`: how far a probe
    moves a pixel, in codes. A quantized network is flat between its steps: with probes closer than a step of the
    quantizer both scores are the same and the estimate is zero. `step_size`: pixel units, None for a quarter of
    epsilon (at least one code). Probes may leave the ball, not the range 0..255; their rounded distance is what counts.
    Only the order of scores and the signs and proportions of their differences matter, never their size.
    """

    name = ""
    step_share = 0.25  # of epsilon, where no step size is given

    def __init__(
        self, queries: int, pairs: int, delta: float, step_size: float | None, seed: int, progress: Progress | None
    ) -> None:
        self.queries = at_least(f"{self.name} queries", queries, 3)
        self.pairs = at_least(f"{self.name} pairs", pairs, 1)
        if not 1 <= delta <= 255:
            raise FlowError(f"{self.name} delta: expected pixel codes from 1 to 255, got {delta}")
        if step_size is not None and not 0 < step_size <= 1:
            raise FlowError(f"{self.name} step_size: expected pixel units above 0 up to 1, got {step_size}")
        self.delta, self.step_size, self.seed = delta, step_size, seed
        self._progress = progress

    def __call__(self, target: Target, x: np.ndarray, y: np.ndarray, epsilon: float) -> AdversarialBatch:
        """`x`: uint8 (N, C, H, W); `y`: integers (N,); `epsilon`: pixel units. Raises FlowError for other data."""
        oracle = Oracle(self.name, target, x, y, epsilon, self.queries, self._progress)
        step = max(oracle.budget * self.step_share, 1.0) if self.step_size is None else self.step_size * 255
        generators = [np.random.default_rng((self.seed, i)) for i in range(len(x))]
        low, high = ball(x, oracle.budget)
        z, memory = x.astype(np.float64), self._memory(x.shape)
        while (oracle.left() > 2).any():
            standing = np.flatnonzero(oracle.left() > 2)
            for first in range(0, len(standing), PART):
                part = standing[first : first + PART]
                # searches that go on have all asked equally often
                pairs = min(self.pairs, int(oracle.left()[part].min() - 1) // 2)
                directions = np.stack([self._directions(generators[i], pairs, x.shape[1:]) for i in part])
                gradient = self._gradient(*probe(oracle, part, z[part], directions))
                z[part] = np.clip(z[part] - step * self._step(gradient, part, memory), low[part], high[part])
                part = part[~oracle.fooled[part]]
                oracle.scores(part, np.rint(z[part]).astype(np.uint8))
        details = {"pairs": self.pairs, "delta_codes": self.delta, "step_codes": round(step, 3), "budget": self.queries}
        return oracle.result(self.seed, details)

    def _directions(self, rng: np.random.Generator, pairs: int, shape: tuple[int, ...]) -> np.ndarray:
        """Displacements in codes, float64 (pairs, C, H, W)."""
        raise NotImplementedError

    def _gradient(self, difference: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """What `probe` gives -> float64 (M, C, H, W), up to a positive factor."""
        raise NotImplementedError

    def _memory(self, shape: tuple[int, ...]) -> object:
        """What `_step` keeps between two steps for images of `shape` (N, C, H, W)."""
        return None

    def _step(self, gradient: np.ndarray, index: np.ndarray, memory: object) -> np.ndarray:
        """Direction of ascent for the images `index` (M,), each pixel about -1 to 1."""
        return np.sign(gradient)


def probe(oracle: Oracle, index: np.ndarray, centre: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Asks about `centre + directions` and `centre - directions`, rounded and within 0..255.

    `index`: searches (M,). `centre`: float64 (M, C, H, W), `directions`: float64 (M, pairs, C, H, W), both in codes.
    Returns the differences of margins, float64 (M, pairs), and by how many codes the two probes differ, float64 like
    `directions`.
    """
    ends = [np.rint(np.clip(centre[:, None] + sign * directions, 0, 255)).astype(np.uint8) for sign in (1, -1)]
    asked = np.stack(ends, axis=1)  # (M, 2, pairs, C, H, W)
    count = asked.shape[1] * asked.shape[2]
    margins = oracle.margins(np.repeat(index, count), asked.reshape(-1, *centre.shape[1:]))
    margins = margins.reshape(len(index), 2, -1)
    return (margins[:, 0] - margins[:, 1]).astype(np.float64), ends[0].astype(np.float64) - ends[1]
