"""Between the toolboxes' float pixels and the 8-bit grid, and between integer scores and float logits."""

from __future__ import annotations

import numpy as np
import torch

from flows.targets.target import Target


def to_grid(pixels: np.ndarray) -> np.ndarray:
    """Pixels [0, 1] of any float type, (N, C, H, W), -> the nearest codes, uint8."""
    return np.rint(np.clip(np.asarray(pixels, dtype=np.float64), 0, 1) * 255).astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 codes -> float32 pixels [0, 1]; `to_grid` gives them back exactly."""
    return images.astype(np.float32) / np.float32(255)


def logits(target: Target, pixels: np.ndarray) -> np.ndarray:
    """What `target` says about `pixels` (as for `to_grid`), rounded to the grid: float32 (N, classes).

    Integer scores with the best of each row moved to zero: predictions and losses care only for differences, and
    scores of a circuit may be larger than float32 counts.
    """
    scores = target.predict(to_grid(pixels))
    return (scores - scores.max(axis=1, keepdims=True)).astype(np.float32)


class OnGrid(torch.nn.Module):
    """A network behind rounding to the grid; the gradient passes straight through the rounding."""

    def __init__(self, target: object) -> None:
        super().__init__()
        self.module = target.module
        self._target = target

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels [0, 1] of any float type, (N, C, H, W) -> float32 logits; counts queries."""
        rounded = torch.round(x.detach().double().clamp(0, 1) * 255).float() / 255
        return self._target.logits(rounded + (x - x.detach()).float())  # the second part is zero, with a gradient


def has_gradients(target: object) -> bool:
    """Whether `target` is a network in PyTorch (`TorchTarget`)."""
    return hasattr(target, "module") and hasattr(target, "logits")
