"""The last rung: the circuit on a board, or on its simulated pins, answering over its serial line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.targets.serial_target import SerialTarget
from flows.verify.divergence import differing_images, locate


@dataclass(frozen=True, slots=True)
class BoardRung:
    """`target`: an open board. `images`: how many it is asked, half of them adversarial; 0: all."""

    target: SerialTarget
    images: int

    def check(self, codes: np.ndarray, golden: np.ndarray) -> tuple[np.ndarray, dict | None, list]:
        """Which images differ in any integer that the board sends, the first divergence, and nothing excused.

        `codes`: uint8 (N, *input.shape); `golden`: int64 (N, *output.shape).
        """
        outputs = self.target.outputs(codes)
        return differing_images(golden, outputs), locate("scores", golden, outputs), []
