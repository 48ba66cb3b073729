"""Ascent that chooses its own step size (Croce and Hein 2020, arXiv 2003.01690, algorithm 1), for APGD's losses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flows.attack.ascent import Ask, Climb
from flows.attack.ball import Ball
from flows.attack.white_box import Answer

ALPHA = 0.75  # share of the new step; the rest repeats the last move
RISES = 0.75  # rho: of the steps since the last checkpoint, the share that has to gain
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06  # checkpoints, as shares of all steps: p1 and how their distance shrinks


def checkpoints(steps: int) -> list[int]:
    """Steps after which the step size is looked at: w_j = ceil(p_j steps), p_0 = 0, p_1 = 0.22,
    p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06), up to 1."""
    shares = [0.0, FIRST]
    while shares[-1] <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - SHORTER, SHORTEST))
    return sorted({int(np.ceil(round(share * steps, 9))) for share in shares[1:] if share <= 1})


class AutoStep:
    """One climb of n images, `steps` long, from `start` (codes float32). See `ascent.climb` for `ask` and the grid.

    Starts with steps of twice the radius. At each checkpoint an image's step is halved, and its search goes on from
    the best point so far, if fewer than 75 % of the steps since the last one gained, or if neither step nor best loss
    changed between the two. An image leaves when it is fooled.
    """

    def __init__(self, ask: Ask, ball: Ball, start: Tensor, steps: int) -> None:
        self._ask, self._ball, self._count = ask, ball, steps
        self._z = ball.project(start.clone())
        n = len(start)
        self._active = torch.arange(n)
        self._found, self._fooled, self._passes = start.clone(), np.zeros(n, bool), np.zeros(n, np.int64)
        self._step = torch.full((n,), 2 * ball.radius)
        self._gains = torch.zeros(n)
        self._reduced = torch.zeros(n, dtype=torch.bool)

    def run(self) -> Climb:
        answer = self._look(True)
        self._loss, self._gradient = answer.loss, answer.gradient
        self._best, self._best_loss, self._best_gradient = self._z.clone(), answer.loss.clone(), answer.gradient
        self._before, self._loss_then = self._z, answer.loss.clone()
        self._leave(answer.wrong)
        last, marks = 0, set(checkpoints(self._count))
        for done in range(1, self._count + 1):
            if not len(self._active):
                break
            self._move(1.0 if done == 1 else ALPHA)
            answer = self._look(done < self._count)
            self._compare(answer)
            self._leave(answer.wrong)
            if done in marks:
                self._adapt(done - last)
                last = done
        return Climb(self._found, self._fooled, self._passes, 0)

    def _look(self, gradient: bool) -> Answer:
        images = self._ball.snap(self._z)
        answer = self._ask(images, self._active, gradient)
        index = self._active.numpy()
        self._passes[index] += 1
        new = torch.from_numpy(answer.wrong)
        self._found[self._active[new]] = images[new]
        self._fooled[index[answer.wrong]] = True
        return answer

    def _move(self, alpha: float) -> None:
        """x + alpha (P(x + step d) - x) + (1 - alpha) (x - the point before), projected (equations 3 and 4)."""
        towards = self._ball.ascent(self._gradient).mul_(self._step[:, None, None, None])
        there = self._ball.project(towards.add_(self._z))
        moved = self._z + alpha * (there - self._z) + (1 - alpha) * (self._z - self._before)
        self._before, self._z = self._z, self._ball.project(moved)

    def _compare(self, answer: Answer) -> None:
        self._gains += answer.loss > self._loss
        self._loss, self._gradient = answer.loss, answer.gradient
        better = answer.loss > self._best_loss
        rows = better[:, None, None, None]
        self._best = torch.where(rows, self._z, self._best)
        self._best_gradient = torch.where(rows, answer.gradient, self._best_gradient)
        self._best_loss = torch.where(better, answer.loss, self._best_loss)

    def _adapt(self, since: int) -> None:
        few = self._gains < RISES * since
        idle = ~self._reduced & (self._best_loss <= self._loss_then)
        self._reduced = few | idle
        self._loss_then = self._best_loss.clone()
        self._gains.zero_()
        self._step[self._reduced] /= 2
        rows = self._reduced[:, None, None, None]
        self._z = torch.where(rows, self._best, self._z)
        self._gradient = torch.where(rows, self._best_gradient, self._gradient)
        self._loss = torch.where(self._reduced, self._best_loss, self._loss)

    def _leave(self, fooled: np.ndarray) -> None:
        if not fooled.any():
            return
        stay = torch.from_numpy(np.flatnonzero(~fooled))
        self._ball = self._ball.part(stay)
        for name in ("z", "before", "active", "step", "gains", "reduced", "loss", "gradient", "loss_then"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[stay])
        for name in ("best", "best_loss", "best_gradient"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[stay])
