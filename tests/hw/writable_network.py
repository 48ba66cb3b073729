"""Small networks of one structure whose weights, biases and thresholds can be rewritten."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from hw.ops.width_converter.width_converter import WidthConverter
from hw.ops.window.window import Window

UINT4, UINT2, INT3 = (IntType.parse(name) for name in ("UINT4", "UINT2", "INT3"))


def sorted_thresholds(rng: np.random.Generator, dtype: IntType, channels: int, count: int) -> np.ndarray:
    """Around the middle of the type, now and then at one of its ends."""
    third = (dtype.max - dtype.min) // 3
    table = np.sort(rng.integers(dtype.min + third, dtype.max - third, (channels, count)), axis=1)
    table[rng.random(channels) < 0.2, -1] = dtype.max + 1
    table[rng.random(channels) < 0.2, 0] = dtype.min - 1
    return table


def convolutional(seed: int, *, memory: str = "auto", weight_type: IntType = INT3, writable: bool = True) -> Dataflow:
    """(4, 4, 2) UINT4 -> window -> 6 channels, folded -> 3 thresholds -> 3 scores and the label."""
    rng = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> np.ndarray:
        codes = rng.integers(0, 1 << weight_type.bits, (rows, columns))
        return weight_type.decode(codes)

    conv = MatVec(
        "conv", (3, 3), weights(6, 8), weight_type, UINT4, 2, 2, memory=memory, writable=writable
    )  # fmt: skip
    activation = Threshold(
        "act", (3, 3, 6), conv.output.dtype, sorted_thresholds(rng, conv.output.dtype, 6, 3), UINT2, 2, 0, 1, writable
    )
    dense = MatVec(
        "dense", (), weights(3, 54), weight_type, UINT2, 1, 1, rng.integers(-20, 20, 3), 1, memory, writable=writable
    )
    ops = (
        WidthConverter("wide", (4, 4, 2), UINT4, 1, 2),
        Window("window", (4, 4, 2), UINT4, 2, (2, 2)),
        conv,
        activation,
        WidthConverter("narrow", (3, 3, 6), UINT2, 2, 1),
        dense,
        Argmax("label", 3, dense.output.dtype, True),
    )
    return Dataflow("writable", ops)


def lone_threshold(seed: int) -> Dataflow:
    """One threshold operator of four lanes that fills one word at level 0."""
    rng, dtype = np.random.default_rng(seed), IntType.parse("INT6")
    table = sorted_thresholds(rng, dtype, 4, 7)
    return Dataflow("lone", (Threshold("t", (5, 1, 4), dtype, table, IntType.parse("INT4"), 4, -3, 1, True),))


def bipolar(seed: int) -> Dataflow:
    """Bipolar weights and activations: what the weights change, the biases make up for."""
    rng, dtype = np.random.default_rng(seed), IntType.parse("BIPOLAR")

    def signs(*shape: int) -> np.ndarray:
        return 2 * rng.integers(0, 2, shape) - 1

    first = MatVec("first", (), signs(40, 12), dtype, dtype, 10, 6, writable=True)
    table = sorted_thresholds(rng, first.output.dtype, 40, 1)
    act = Threshold("act", (40,), first.output.dtype, table, dtype, 10, -1, 2, True)
    last = MatVec("last", (), signs(4, 40), dtype, dtype, 4, 40, writable=True)
    wide = WidthConverter("wide", (40,), dtype, 10, 40)
    return Dataflow("signs", (first, act, wide, last))
