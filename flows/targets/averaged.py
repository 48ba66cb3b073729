"""A random network judged by the mean over draws."""

from __future__ import annotations

import numpy as np
import torch

from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget


class Averaged:
    """The mean of `draws` answers of a random `target`, so that the gradient of any loss is that of the mean: an
    attack on it is expectation over transformation (Athalye et al. 2018, arXiv 1802.00420, section 4.2).

    Scores are sums over draws. `queries` counts images, each of which costs `draws` passes. See `TorchTarget`.
    """

    name = "torch"

    def __init__(self, target: TorchTarget, draws: int) -> None:
        if draws < 2:
            raise FlowError(f"averaged: expected at least 2 draws, got {draws}")
        self.module = target.module
        self.draws = draws
        self.queries = 0
        self._target = target

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """float32 pixels [0, 1] (N, C, H, W) -> mean float32 logits (N, classes), differentiable."""
        self.queries += len(x)
        return torch.stack([self._target.logits(x) for _ in range(self.draws)]).mean(dim=0)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes), summed over draws."""
        self.queries += len(images)
        return np.sum([self._target.predict(images) for _ in range(self.draws)], axis=0)
