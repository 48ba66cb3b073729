"""Whether the gradient predicts what small whole-code moves really do.

A gradient that does not (shattered: Athalye et al. 2018, section 3.1) is wrong about the very steps that an attack
takes. Numeric differences along random sign directions, as SPSA uses (Uesato et al. 2018, arXiv 1802.05666).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from brevitas_models.quantizers.backward import backward_pass
from flows.attack.common import BATCH, at_least, ball, check_data
from flows.attack.white_box import loss_and_gradient, require_gradients
from flows.targets.torch_target import TorchTarget


class Agreement(NamedTuple):
    """Of `probes` probes that changed the margin: the share (0..1) of those whose sign the gradient foretold, a
    zero gradient counting one half. `flat`: share of all probes that changed nothing. `step`: codes."""

    share: float
    probes: int
    flat: float
    step: int


def agreement(
    target: object, x: np.ndarray, y: np.ndarray, epsilon: float, *, backward: str, directions: int, seed: int
) -> Agreement:
    """Moves `x`, uint8 (N, C, H, W), by a quarter of `epsilon` (pixel units; at least one code) forth and back along
    `directions` random signs and compares the margin's difference with gradient times direction.

    The margin, because it does not fade where scores are large. Raises FlowError for other data or a target without
    gradients.
    """
    target = require_gradients("agreement", target)
    budget = check_data("agreement", x, y, epsilon)
    at_least("agreement directions", directions, 1)
    step = max(round(budget / 4), 1)
    rng = np.random.default_rng(seed)
    low, high = ball(x, step)
    right = probes = flat = 0.0
    with backward_pass(target.module, backward):
        gradient = np.concatenate(
            [
                loss_and_gradient(target, x[i : i + BATCH], y[i : i + BATCH], "margin")[1]
                for i in range(0, len(x), BATCH)
            ]
        )
    for _ in range(directions):
        sign = rng.choice(np.array([-1, 1], np.int16), x.shape)
        forth = np.clip(x + step * sign, low, high).astype(np.uint8)
        back = np.clip(x - step * sign, low, high).astype(np.uint8)
        moved = forth.astype(np.float64) - back  # at black and white pixels only half a step is possible
        foretold = (gradient * moved).sum(axis=(1, 2, 3))
        change = _margin(target, forth, y) - _margin(target, back, y)
        counted = change != 0
        right += float(np.where(foretold == 0, 0.5, np.sign(foretold) == np.sign(change))[counted].sum())
        probes += int(counted.sum())
        flat += int((~counted).sum())
    share = right / probes if probes else 0.5
    return Agreement(share, int(probes), flat / (len(x) * directions), step)


def _margin(target: TorchTarget, images: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Best wrong score minus the right one, int64 (N,)."""
    scores, index = target.predict(images), np.arange(len(y))
    own = scores[index, y].copy()
    scores[index, y] = np.iinfo(np.int64).min
    return scores.max(axis=1) - own
