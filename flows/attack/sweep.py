"""Accuracy against the budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.batch import grid_epsilon
from flows.attack.common import labels
from flows.attack.pgd import Pgd
from flows.attack.worst_case import WorstCase
from flows.targets.torch_target import TorchTarget


def sweep(
    attack: Pgd,
    target: TorchTarget,
    x: np.ndarray,
    y: np.ndarray,
    epsilons: tuple[float, ...],
    headline: float,
    worst: WorstCase,
    progress: Callable[[str], None],
) -> list[dict[str, float]]:
    """The curve's points, `epsilon` (pixel units) and `accuracy` (0..1), at 0, `headline` and every one of `epsilons`.

    An image fooled within a budget stays fooled within a larger one, so each budget attacks only the images that are
    left. `worst`: of all attacks at `headline` on the same `x` (uint8 (N, C, H, W)), `y`; it counts for this and
    larger budgets, and takes what smaller ones find, so that curve and worst case agree.
    """
    points = []
    fooled = labels(target, x) != y
    for epsilon in sorted({0.0, headline, *epsilons}):
        progress(f"{attack.name} at epsilon {epsilon:g}")
        if grid_epsilon(epsilon) >= grid_epsilon(headline):
            fooled |= worst.fooled
        left = np.flatnonzero(~fooled)
        if len(left) and grid_epsilon(epsilon) not in (0, grid_epsilon(headline)):
            batch = attack(target, x[left], y[left], epsilon)
            fooled[left] = batch.success
            if epsilon < headline:
                worst.add(batch, left)
        points.append({"epsilon": epsilon, "accuracy": 1 - float(fooled.mean())})
    return points
