"""How much of the input gradient is exactly zero: where nothing flows, a white-box attack has nothing to follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from brevitas_models.quantizers.backward import MODES
from flows.attack.common import BATCH, check_data
from flows.attack.losses import LOSSES
from flows.attack.white_box import attacked, check_choice, loss_and_gradient, require_gradients


class ZeroGradients(NamedTuple):
    """Shares (0..1) of exactly zero input gradients: of all pixels, and of images where every pixel's is zero."""

    elements: float
    images: float


def zero_gradients(
    target: object, x: np.ndarray, y: np.ndarray, *, backward: str = "clipped", loss: str = "cross_entropy"
) -> ZeroGradients:
    """Zero shares at the clean images `x`, uint8 (N, C, H, W), of true classes `y`, integers (N,).

    `backward`, `loss`: as in `flows.attack.pgd.Pgd`. Raises FlowError for other data or a target without gradients.
    """
    target = require_gradients("zero gradients", target)
    check_data("zero gradients", x, y, 0.0)
    check_choice("backward", backward, MODES)
    check_choice("loss", loss, tuple(LOSSES))
    zeros = images = 0
    with attacked(target, backward):
        for start in range(0, len(x), BATCH):
            part = slice(start, start + BATCH)
            nothing = loss_and_gradient(target, x[part], y[part], loss)[1] == 0
            zeros += int(np.count_nonzero(nothing))
            images += int(np.count_nonzero(nothing.all(axis=(1, 2, 3))))
    return ZeroGradients(zeros / x.size, images / len(x))
