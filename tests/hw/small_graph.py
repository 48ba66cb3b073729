"""A small dataflow with branches, for the tests of everything that walks one."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.concat.concat import Concat
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.pad.pad import Pad
from hw.ops.threshold.threshold import Threshold
from hw.ops.width_converter.width_converter import WidthConverter
from hw.ops.window.window import Window

UINT3, INT4 = IntType(3, False), IntType(4, True)


def residual(seed: int = 0) -> Dataflow:
    """(4, 4, 2) UINT3 -> a 3x3 convolution beside the image itself, added; the image once more behind it; scores.

    Its operators, in order: fork0, pad0, window0, conv0, skip, sum0, act0, wait0, join0, flat0, fc0, label.
    """
    rng = np.random.default_rng(seed)
    conv = MatVec("conv0", (4, 4), rng.integers(-8, 8, (2, 18)), INT4, UINT3, 2, 2)
    total = Add("sum0", (4, 4, 2), conv.output.dtype, UINT3, 2, 1, 17, -3)
    low, high = total.output.dtype.min // 3, total.output.dtype.max // 3
    steps = np.sort(rng.integers(low, high, (2, 7)), axis=1)
    fc = MatVec("fc0", (), rng.integers(-8, 8, (5, 64)), INT4, UINT3, 1, 4)
    ops = (
        Fork("fork0", (4, 4, 2), UINT3, 2, 3),
        Pad("pad0", (4, 4, 2), UINT3, 2, (1, 1, 1, 1), 0),
        Window("window0", (6, 6, 2), UINT3, 2, (3, 3)),
        conv,
        Fifo("skip", (4, 4, 2), UINT3, 2, 30),
        total,
        Threshold("act0", (4, 4, 2), total.output.dtype, steps, UINT3, 2),
        Fifo("wait0", (4, 4, 2), UINT3, 2, 30),
        Concat("join0", (4, 4), (2, 2), UINT3, 2),
        WidthConverter("flat0", (4, 4, 4), UINT3, 2, 4),
        fc,
        Argmax("label", 5, fc.output.dtype, True),
    )
    sources = {
        "fork0": ("input",),
        "pad0": ("fork0.0",),
        "window0": ("pad0",),
        "conv0": ("window0",),
        "skip": ("fork0.1",),
        "sum0": ("conv0", "skip"),
        "act0": ("sum0",),
        "wait0": ("fork0.2",),
        "join0": ("act0", "wait0"),
        "flat0": ("join0",),
        "fc0": ("flat0",),
        "label": ("fc0",),
    }
    return Dataflow("residual", ops, sources)


def residual_with_fifos(seed: int = 0) -> Dataflow:
    """`residual` with a fifo on each stream into its sum and its concatenation."""
    base = residual(seed)
    ops, sources = list(base.ops), dict(base.sources)
    for join, port, name in (("sum0", 0, "conv0"), ("join0", 0, "act0")):
        stream = base.streams[name]
        place = next(i for i, op in enumerate(ops) if op.name == name) + 1
        ops.insert(place, Fifo(f"{name}_fifo", stream.shape, stream.dtype, stream.parallel, 2))
        sources[f"{name}_fifo"] = (name,)
        sources[join] = tuple(f"{name}_fifo" if i == port else s for i, s in enumerate(sources[join]))
    return Dataflow("residual", tuple(ops), sources)


def residual_by_hand(dataflow: Dataflow, codes: np.ndarray) -> np.ndarray:
    """What `residual` says, written out: codes (N, 4, 4, 2) -> scores and label (N, 6)."""
    ops = {op.name: op for op in dataflow.ops}
    padded = np.pad(codes, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.stack([padded[:, y : y + 4, x : x + 4] for y in range(3) for x in range(3)], axis=3)
    conv = patches.reshape(len(codes), 4, 4, 18) @ ops["conv0"].weights.T
    total = conv + 17 * codes - 3
    act = (total[..., None] >= ops["act0"].thresholds).sum(axis=-1)
    scores = np.concatenate([act, codes], axis=-1).reshape(len(codes), -1) @ ops["fc0"].weights.T
    return np.concatenate([scores, scores.argmax(axis=1)[:, None]], axis=1)
