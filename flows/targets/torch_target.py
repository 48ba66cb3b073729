"""The PyTorch twin as a target, with its gradients for white-box attacks."""

from __future__ import annotations

from math import frexp

import numpy as np
import torch

from flows.errors import FlowError
from flows.targets.layout import check_images

FLOAT_STEPS = 1 << 16  # scores of a float network count logits in these parts of one
WRONG_SCALE = 0.25  # a float32 logit this far (in scores) from a whole score does not come from rounding


class TorchTarget:
    """A deployed network: float32 pixels [0, 1] (N, C, H, W) -> logits (N, classes). It is put into eval mode.

    `logit_scale`: positive, `logit = score * logit_scale`. A power of two makes the scores exact: a logit that is
    not a whole multiple raises. Another scale rounds in float32 already inside the network, so the nearest whole
    score is given (more than a quarter off raises). None: a float network, whose scores are
    round(logit * 2**16), enough to rank classes. `batch`: images per forward pass of `predict`.
    """

    name = "torch"

    def __init__(self, module: torch.nn.Module, logit_scale: float | None, *, batch: int = 256) -> None:
        if logit_scale is not None and not (np.isfinite(logit_scale) and logit_scale > 0):
            raise FlowError(f"torch: expected a positive logit_scale, or None for a float network, got {logit_scale}")
        if batch < 1:
            raise FlowError(f"torch: expected a batch of at least 1, got {batch}")
        self.module = module.eval()
        self.logit_scale = logit_scale
        self.queries = 0
        self._batch = batch

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """float32 pixels [0, 1] (N, C, H, W) -> float32 logits (N, classes), differentiable; counts N queries."""
        self.queries += len(x)
        return self.module(x)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for another shape, dtype or scale."""
        check_images(images, self.name)
        parts = []
        with torch.no_grad():
            for start in range(0, max(len(images), 1), self._batch):
                parts.append(self.logits(to_pixels(images[start : start + self._batch])).numpy())
        return self._scores(np.concatenate(parts).astype(np.float64))

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        if not np.isfinite(logits).all():
            raise FlowError("torch: expected finite logits, got inf or nan; train the network again")
        if self.logit_scale is None:
            return np.rint(logits * FLOAT_STEPS).astype(np.int64)
        scores = logits / self.logit_scale
        whole = np.rint(scores)
        allowed = 0.0 if frexp(self.logit_scale)[0] == 0.5 else WRONG_SCALE
        off = np.abs(scores - whole)
        if off.size and off.max() > allowed:
            worst = scores.flat[int(off.argmax())]
            raise FlowError(
                f"torch: expected logits that are whole multiples of logit_scale={self.logit_scale}, got a score of "
                f"{worst}; give the scale that deployment computed, or None for a float network"
            )
        return whole.astype(np.int64)


def to_pixels(images: np.ndarray) -> torch.Tensor:
    """Codes 0..255 of any numeric dtype -> a new float32 tensor code/255 of the same shape."""
    return torch.from_numpy(np.asarray(images, dtype=np.float32) / np.float32(255))
