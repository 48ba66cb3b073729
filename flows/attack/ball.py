"""Where an adversarial image may lie: a norm ball around the original, inside the pixel range, on the 8-bit grid.

White-box attacks move real-valued iterates in pixel codes (float32 tensors (N, C, H, W), 0..255); what counts is
what `snap` makes of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flows.attack.batch import L2, LINF
from flows.errors import FlowError

SHORT = 1 - 1e-5  # an L2 projection's share of the radius: float32 rounding must not carry it out of the ball


class LinfBall:
    """No pixel moves by more than `budget` codes. `x`: codes float32 (N, C, H, W)."""

    def __init__(self, low: Tensor, high: Tensor, budget: int) -> None:
        self.low, self.high = low, high
        self.radius = float(budget)

    @classmethod
    def around(cls, x: Tensor, budget: int) -> LinfBall:
        return cls((x - budget).clamp_(min=0), (x + budget).clamp_(max=255), budget)

    def part(self, index: Tensor) -> LinfBall:
        """The ball of these images only."""
        return LinfBall(self.low[index], self.high[index], int(self.radius))

    def project(self, z: Tensor) -> Tensor:
        """The nearest point of the ball. May overwrite `z`."""
        return torch.clamp(z, self.low, self.high, out=z)

    def snap(self, z: Tensor) -> Tensor:
        """A point on the grid and in the ball next to `z` (in the ball): bounds are whole codes, so rounding stays."""
        return z.round()

    def ascent(self, gradient: Tensor) -> Tensor:
        """The step of length one that gains most: the gradient's sign."""
        return gradient.sign()

    @staticmethod
    def offsets(rng: np.random.Generator, shape: tuple[int, ...], budget: int) -> np.ndarray:
        """float32 of this shape, uniform in the ball around zero."""
        return (rng.random(shape, np.float32) * 2 - 1) * np.float32(budget)


class L2Ball:
    """The squared changes of an image sum to at most `budget` (squared codes). `x`: codes float32 (N, C, H, W)."""

    def __init__(self, x: Tensor, budget: int) -> None:
        self.x, self._budget = x, budget
        self.radius = budget**0.5

    @classmethod
    def around(cls, x: Tensor, budget: int) -> L2Ball:
        return cls(x, budget)

    def part(self, index: Tensor) -> L2Ball:
        """The ball of these images only."""
        return L2Ball(self.x[index], self._budget)

    def project(self, z: Tensor) -> Tensor:
        """A point in the ball and the pixel range: shortened, then clipped (which moves towards `x` only)."""
        change = z - self.x
        length = change.flatten(1).norm(dim=1).clamp_(min=1e-12)
        change *= (self.radius * SHORT / length).clamp_(max=1)[:, None, None, None]
        return change.add_(self.x).clamp_(0, 255)

    def snap(self, z: Tensor) -> Tensor:
        """A point on the grid and in the ball next to `z` (in the ball).

        Pixels are rounded to the nearest code; where that leaves the ball, those rounded away from `x` go back
        towards it, the closest calls first, until the sum of squares (counted in whole numbers) is in the budget.
        """
        change = (z - self.x).flatten(1)
        near = change.round()
        over = near.double().square().sum(1) - self._budget
        rows = torch.nonzero(over > 0).flatten()
        if len(rows):
            near[rows] = _shortened(change[rows], near[rows], over[rows])
        return near.view_as(z) + self.x

    def ascent(self, gradient: Tensor) -> Tensor:
        """The step of length one that gains most: along the gradient. Zero where the gradient is."""
        length = gradient.flatten(1).norm(dim=1).clamp_(min=1e-30)
        return gradient / length[:, None, None, None]

    @staticmethod
    def offsets(rng: np.random.Generator, shape: tuple[int, ...], budget: int) -> np.ndarray:
        """float32 of this shape, uniform in the ball around zero."""
        direction = rng.standard_normal(shape, np.float32)
        direction /= np.sqrt((direction**2).sum(axis=(1, 2, 3), keepdims=True))
        dimensions = direction[0].size
        lengths = rng.random((shape[0], 1, 1, 1)) ** (1 / dimensions) * budget**0.5
        return (direction * lengths).astype(np.float32)


Ball = LinfBall | L2Ball
BALLS: dict[str, type[LinfBall] | type[L2Ball]] = {LINF: LinfBall, L2: L2Ball}


def check_norm(what: str, norm: str) -> str:
    """`norm`; raises FlowError unless it is `linf` or `l2`."""
    if norm not in BALLS:
        raise FlowError(f"{what}: expected one of {', '.join(BALLS)}, got {norm!r}")
    return norm


def _shortened(change: Tensor, near: Tensor, over: Tensor) -> Tensor:
    """`near` (n, pixels) with as few pixels as need be truncated instead of rounded; `over`: what must go, (n,)."""
    inner = change.trunc()
    gain = near.double().square() - inner.double().square()  # zero where rounding went inwards
    rounding = torch.where(gain > 0, (change - inner).abs(), torch.inf)
    order = rounding.argsort(dim=1, stable=True)
    gone = torch.gather(gain, 1, order).cumsum(1)
    back = gone - torch.gather(gain, 1, order) < over[:, None]
    return torch.where(torch.zeros_like(back).scatter_(1, order, back), inner, near)
