"""Projected steps up a loss: the climb that PGD, BIM and their kin share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flows.attack.ball import Ball
from flows.attack.white_box import Answer

Ask = Callable[[Tensor, Tensor, bool], Answer]


@dataclass(frozen=True, slots=True)
class Steps:
    """`count` steps of `size` codes. `momentum`: share of the past direction that is kept (Dong et al. 2018, arXiv
    1710.06081, algorithm 1; 0: none). `early_exit`: an image leaves as soon as it is fooled."""

    count: int
    size: float
    momentum: float = 0.0
    early_exit: bool = True


@dataclass(frozen=True, slots=True)
class Climb:
    """One climb of n images: what was found (whole codes float32), where (bool (n,)), forward passes for each (int64
    (n,)), and how many images stopped because their gradient was zero everywhere."""

    images: Tensor
    fooled: np.ndarray
    passes: np.ndarray
    stuck: int


def climb(ask: Ask, ball: Ball, start: Tensor, steps: Steps) -> Climb:
    """Climbs from `start` (codes float32 (n, C, H, W)).

    The iterate is real-valued; gradient and success are taken at its place on the 8-bit grid, so one forward pass
    serves both. `ask(codes, index, gradient)`: answers for the images `index` (int64) of the n, as `white_box.ask`.
    """
    z = ball.project(start.clone())
    found, fooled, passes, stuck = z.clone(), np.zeros(len(z), bool), np.zeros(len(z), np.int64), 0
    active, past = torch.arange(len(z)), torch.zeros_like(z) if steps.momentum else None
    for left in range(steps.count, -1, -1):
        images = ball.snap(z)
        answer = ask(images, active, left > 0)
        index = active.numpy()
        passes[index] += 1
        new = answer.wrong & ~fooled[index]
        found[active[new]] = images[new]
        fooled[index[new]] = True
        if not left:
            break
        gradient = answer.gradient
        if steps.early_exit:
            still = ~gradient.flatten(1).any(dim=1).numpy()
            stuck += int(np.count_nonzero(still & ~answer.wrong))
            onward = torch.from_numpy(np.flatnonzero(~(answer.wrong | still)))
            if len(onward) < len(active):
                active, z, gradient, ball = active[onward], z[onward], gradient[onward], ball.part(onward)
                past = past[onward] if past is not None else None
            if not len(active):
                break
        if past is not None:
            gradient = past = steps.momentum * past + _per_image(gradient)
        z = ball.project(z.add_(ball.ascent(gradient), alpha=steps.size))
    return Climb(found, fooled, passes, stuck)


def _per_image(gradient: Tensor) -> Tensor:
    """Each image's gradient divided by its L1 norm."""
    return gradient / gradient.flatten(1).abs().sum(dim=1).clamp_(min=1e-30)[:, None, None, None]
