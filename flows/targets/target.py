"""The one protocol that every attack, verifier and report speaks to a model or a circuit through."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Target(Protocol):
    """Something that maps images to integer scores.

    `name`: one of `torch`, `onnxruntime`, `numpy`, `rtl`, `remote:HOST:PORT`, `serial:PORT`, later `netlist`; reports
    quote it. `queries`: images predicted since it was made.
    """

    name: str
    queries: int

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype."""
