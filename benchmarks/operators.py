"""A spread of operators as networks use them, with random parameters."""

from __future__ import annotations

import numpy as np

from hw.inttype import IntType
from hw.op import Op
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.matvec.matvec import MatVec
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad
from hw.ops.threshold.threshold import Threshold
from hw.ops.width_converter.width_converter import WidthConverter
from hw.ops.window.window import Window


def matvec(weights: str, values: str, rows: int, columns: int, pe: int, simd: int, memory: str = "auto") -> MatVec:
    """Random weights over their whole type."""
    w = IntType.parse(weights)
    codes = np.random.default_rng(1).integers(0, 1 << w.bits, (rows, columns))
    return MatVec("unit0", (), w.decode(codes), w, IntType.parse(values), pe, simd, memory=memory)


def threshold(values: str, output: str, channels: int, pe: int) -> Threshold:
    """Random thresholds over the middle half of the input type."""
    x, y = IntType.parse(values), IntType.parse(output)
    count = 1 if y.bipolar else y.max - y.min
    spread = np.random.default_rng(1).integers(x.min // 2, x.max // 2 + 1, (channels, count))
    return Threshold("unit0", (channels,), x, np.sort(spread, axis=1), y, pe, y.min, 2 if y.bipolar else 1)


def fifo(width: int, depth: int) -> Fifo:
    return Fifo("unit0", (width * 4,), IntType.parse("UINT2"), width // 2, depth)


def converter(values: str, elements: int, have: int, want: int) -> WidthConverter:
    return WidthConverter("unit0", (elements,), IntType.parse(values), have, want)


def spread() -> list[Op]:
    """Every kind in a few sizes."""
    uint2, uint3, uint8 = (IntType.parse(name) for name in ("UINT2", "UINT3", "UINT8"))
    return [
        matvec("INT4", "UINT2", 16, 72, 4, 8),
        matvec("INT4", "UINT8", 8, 9, 4, 1),
        matvec("INT4", "UINT3", 16, 150, 4, 3),
        matvec("INT2", "INT2", 64, 784, 4, 16),
        matvec("INT2", "UINT2", 64, 64, 1, 8),
        matvec("BIPOLAR", "BIPOLAR", 64, 64, 4, 16, "distributed"),
        matvec("BIPOLAR", "UINT2", 64, 784, 4, 16),
        matvec("INT8", "UINT8", 8, 32, 2, 4, "distributed"),
        matvec("INT4", "UINT2", 10, 64, 1, 1),
        threshold("INT12", "UINT2", 16, 4),
        threshold("INT12", "UINT4", 16, 4),
        threshold("INT10", "INT2", 64, 1),
        threshold("INT14", "UINT3", 120, 1),
        threshold("UINT8", "BIPOLAR", 784, 1),
        threshold("INT13", "UINT3", 6, 6),
        *(fifo(width, depth) for width, depth in ((2, 4), (8, 2), (8, 4), (16, 9), (32, 4), (32, 40), (8, 100))),
        *(fifo(width, depth) for width, depth in ((8, 600), (36, 130), (64, 300))),
        converter("UINT2", 64, 1, 16),
        converter("UINT2", 64, 16, 1),
        converter("INT12", 16, 4, 1),
        Pad("unit0", (28, 28, 1), uint8, 1, (2, 2, 2, 2), 0),
        Pad("unit0", (4, 4, 8), uint2, 4, (1, 1, 1, 1), 0),
        Window("unit0", (10, 10, 1), uint8, 1, (3, 3)),
        Window("unit0", (14, 14, 6), uint3, 3, (5, 5)),
        MaxPool("unit0", (8, 8, 8), uint2, 4, 2),
        MaxPool("unit0", (28, 28, 6), uint3, 6, 2),
        Argmax("unit0", 10, IntType.parse("INT12"), True),
        Argmax("unit0", 10, IntType.parse("INT16"), False),
    ]
