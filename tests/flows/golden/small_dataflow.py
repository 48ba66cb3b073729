"""Integer dataflows small enough to be checked by eye, for the tests of golden model, targets and attacks."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad
from hw.ops.threshold.threshold import Threshold
from hw.ops.window.window import Window

UINT8, UINT2, INT4 = IntType(8, False), IntType(2, False), IntType(4, True)


def convolutional(seed: int, emit_scores: bool = True) -> Dataflow:
    """Codes (6, 6, 1) -> convolution, 2-bit thresholds, max-pool, 5 scores and the label."""
    rng = np.random.default_rng(seed)
    conv = MatVec("conv", (6, 6), rng.integers(-8, 8, (4, 9)), INT4, UINT8, 4, 1, bias=rng.integers(-99, 99, 4))
    steps = np.sort(rng.integers(-3000, 3000, (4, 3)), axis=1)
    fc = MatVec("fc", (), rng.integers(-8, 8, (5, 36)), INT4, UINT2, 1, 4, shift=2)
    ops = (
        Pad("pad", (6, 6, 1), UINT8, 1, (1, 1, 1, 1), 0),
        Window("window", (8, 8, 1), UINT8, 1, (3, 3)),
        conv,
        Threshold("act", (6, 6, 4), conv.output.dtype, steps, UINT2, 4),
        MaxPool("pool", (6, 6, 4), UINT2, 4, 2),
        fc,
        Argmax("label", 5, fc.output.dtype, emit_scores),
    )
    return Dataflow("convolutional", ops)


def linear(weights: np.ndarray, bias: np.ndarray) -> Dataflow:
    """Codes (K,) -> scores of `weights`, 8-bit integers (classes, K), and `bias`, integers (classes,); no argmax."""
    return Dataflow("linear", (MatVec("fc", (), weights, IntType(8, True), UINT8, 1, 1, bias=bias),))
