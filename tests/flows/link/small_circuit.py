"""Two tiny classifiers with the same streams and other weights."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.matvec.matvec import MatVec


def classifier(seed: int = 3) -> Dataflow:
    """A picture of 2 x 3 x 2 pixels to 5 signed scores and their label."""
    uint8 = IntType.parse("UINT8")
    weights = np.random.default_rng(seed).integers(-8, 8, (5, 12))
    matvec = MatVec("dense", (), weights, IntType.parse("INT4"), uint8, pe=1, simd=1)
    ops = (Fifo("front", (12,), uint8, 1, 4), matvec, Argmax("label", 5, matvec.output.dtype, True))
    return Dataflow("classifier", ops)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
