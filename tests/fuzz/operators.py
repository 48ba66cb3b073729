"""A random operator of every kind, over all that its parameters may be, and inputs that sit on its corners."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hw.inttype import IntType
from hw.op import Op, inputs_of
from hw.ops.accpool.accpool import AccPool
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.concat.concat import Concat
from hw.ops.depthwise.depthwise import Depthwise
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad
from hw.ops.stochastic_threshold.stochastic_threshold import StochasticThreshold
from hw.ops.threshold.threshold import Threshold
from hw.ops.vote.vote import Vote
from hw.ops.width_converter.width_converter import WidthConverter
from hw.ops.window.window import Window
from tests.fuzz.drawer import Drawer, divisor, draw_type, draw_values

NAME = "op"


def image(d: Drawer, side: int = 6, channels: int = 6) -> tuple[int, int, int]:
    return d.integer(1, side), d.integer(1, side), d.integer(1, channels)


def any_shape(d: Drawer) -> tuple[int, ...]:
    return image(d, 4) if d.integer(0, 1) else (d.integer(1, 12),)


def pad(d: Drawer) -> Pad:
    shape, dtype = image(d, 4), draw_type(d, 12)
    pads = tuple(d.integer(0, 3) for _ in range(4))
    return Pad(NAME, shape, dtype, divisor(d, shape[2]), pads, int(draw_values(d, dtype, ())))


def window(d: Drawer) -> Window:
    shape = image(d, 7, 4)
    dilation = d.integer(1, 3), d.integer(1, 3)
    kernel = tuple(d.integer(1, (side - 1) // step + 1) for side, step in zip(shape, dilation, strict=False))
    stride = d.integer(1, 3), d.integer(1, 3)
    parallel = divisor(d, shape[2])
    return Window(NAME, shape, draw_type(d, 9), parallel, kernel, stride, dilation, bool(d.integer(0, 1)))


def matvec(d: Drawer) -> MatVec:
    rows, columns, weight_type = d.integer(1, 8), d.integer(1, 18), draw_type(d, 8)
    shape = (d.integer(1, 3), d.integer(1, 3)) if d.integer(0, 1) else ()
    weights = draw_values(d, weight_type, (rows, columns))
    bias = d.array(-(1 << 12), 1 << 12, (rows,)) if d.integer(0, 1) else None
    x, pe, simd, shift = draw_type(d, 8), divisor(d, rows), divisor(d, columns), d.choice([0, 0, 1, 5])
    return MatVec(NAME, shape, weights, weight_type, x, pe, simd, bias, shift)


def depthwise(d: Drawer) -> Depthwise:
    channels, weight_type = d.integer(1, 6), draw_type(d, 8)
    weights = draw_values(d, weight_type, (channels, d.integer(1, 4), d.integer(1, 4)))
    bias = d.array(-(1 << 12), 1 << 12, (channels,)) if d.integer(0, 1) else None
    shape, shift = (d.integer(1, 3), d.integer(1, 3)), d.choice([0, 0, 1, 5])
    return Depthwise(NAME, shape, weights, weight_type, draw_type(d, 8), divisor(d, channels), bias, shift)


def threshold(d: Drawer) -> Threshold:
    shape, x, count = any_shape(d), draw_type(d, 14), d.choice([1, 1, 2, 3, 3, 4, 7, 15, 16, 31])
    table = np.sort(d.array(x.min - 1, x.max + 1, (shape[-1], count)), axis=1)
    start, step = d.integer(-20, 20), d.choice([1, 1, 1, 2, -1, -3])
    out = IntType.holding(min(start, start + step * count), max(start, start + step * count))
    if count == 1 and d.integer(0, 1):
        start, step, out = -1, 2, IntType(1, False, True)
    return Threshold(NAME, shape, x, table, out, divisor(d, shape[-1]), start, step)


def stochastic_threshold(d: Drawer) -> StochasticThreshold:
    shape, x, count = any_shape(d), draw_type(d, 10, bipolar=False), d.choice([1, 2, 3, 7])
    spread = d.array(0, 1 << x.bits, (shape[-1],))
    lowest, highest = x.min - np.maximum(spread, 1), x.max + np.maximum(spread, 1)
    table = np.clip(d.array(x.min, x.max, (shape[-1], count)), lowest[:, None], highest[:, None])
    options = {"seed": d.integer(0, (1 << 63) - 1), "draw_bits": d.integer(1, 16)}
    options |= {"restart_every_frame": bool(d.integer(0, 1))}
    out = IntType.holding(0, count)
    return StochasticThreshold(NAME, shape, x, np.sort(table, axis=1), out, divisor(d, shape[-1]), spread, **options)


def maxpool(d: Drawer) -> MaxPool:
    shape = image(d)
    kernel, stride = ((d.integer(1, shape[0]), d.integer(1, shape[1])), (d.integer(1, 4), d.integer(1, 4)))
    if (*kernel, *stride) == (1, 1, 1, 1):
        stride = (2, 1)
    return MaxPool(NAME, shape, draw_type(d, 12), divisor(d, shape[2]), kernel, stride)


def accpool(d: Drawer) -> AccPool:
    shape = image(d)
    return AccPool(
        NAME, shape, draw_type(d, 12), divisor(d, shape[2]), (d.integer(1, shape[0]), d.integer(1, shape[1]))
    )


def width_converter(d: Drawer) -> WidthConverter:
    wide = divisor(d, count := d.integer(1, 12))
    narrow = divisor(d, wide)
    pair = (wide, narrow) if d.integer(0, 1) else (narrow, wide)
    shape = (count,) if d.integer(0, 1) else (d.integer(1, 3), d.integer(1, 3), count)
    return WidthConverter(NAME, shape, draw_type(d, 12), *pair)


def fifo(d: Drawer) -> Fifo:
    shape = any_shape(d)
    return Fifo(NAME, shape, draw_type(d, 20), divisor(d, shape[-1]), d.integer(2, 40))


def argmax(d: Drawer) -> Argmax:
    return Argmax(NAME, d.integer(2, 12), draw_type(d, 20, bipolar=False), bool(d.integer(0, 1)))


def fork(d: Drawer) -> Fork:
    shape = any_shape(d)
    return Fork(NAME, shape, draw_type(d, 12), divisor(d, shape[-1]), d.integer(2, 8))


def add(d: Drawer) -> Add:
    shape, gains = any_shape(d), [d.integer(-300, 300) for _ in range(2)]
    types = draw_type(d, 12), draw_type(d, 12)
    return Add(NAME, shape, *types, divisor(d, shape[-1]), *gains, d.integer(-(1 << 20), 1 << 20))


def concat(d: Drawer) -> Concat:
    parallel, pixels = d.integer(1, 3), (d.integer(1, 3), d.integer(1, 3)) if d.integer(0, 1) else ()
    channels = tuple(parallel * d.integer(1, 3) for _ in range(d.integer(2, 5)))
    return Concat(NAME, pixels, channels, draw_type(d, 12), parallel)


def vote(d: Drawer) -> Vote:
    shape, members = any_shape(d), d.integer(2, 6)
    gains = tuple(d.integer(-500, 500) for _ in range(members)) if d.integer(0, 1) else None
    return Vote(NAME, shape, tuple(draw_type(d, 10) for _ in range(members)), divisor(d, shape[-1]), gains)


DRAW: dict[str, Callable[[Drawer], Op]] = {
    draw.__name__: draw
    for draw in (
        *(pad, window, matvec, depthwise, threshold, stochastic_threshold, maxpool, accpool, width_converter),
        *(fifo, argmax, fork, add, concat, vote),
    )
}


def inputs(op: Op, d: Drawer, frames: int) -> tuple[np.ndarray, ...]:
    """int64 (N, *shape) for each stream that the operator takes: `frames` drawn ones, all smallest, all largest, and
    for thresholds every threshold with one less and one more."""
    found = []
    for stream in inputs_of(op):
        kind, drawn = stream.dtype, draw_values(d, stream.dtype, (frames, *stream.shape))
        ends = np.stack([np.full(stream.shape, kind.min), np.full(stream.shape, kind.max)])
        found.append(np.concatenate([drawn, ends]))
    if op.kind in ("threshold", "stochastic_threshold"):
        found[0] = np.concatenate([found[0], on_thresholds(op)])
    return tuple(found)


def on_thresholds(op: Threshold | StochasticThreshold) -> np.ndarray:
    """int64 (3 T, *shape): frame by frame one threshold of every channel, one less, and one more, within the type."""
    low, high = op.input_type.min, op.input_type.max
    near = (op.thresholds.T[:, None] + np.array([-1, 0, 1])[:, None]).reshape(-1, op.shape[-1])
    near = np.where(near % 2 == 0, -1, 1) if op.input_type.bipolar else np.clip(near, low, high)
    return np.broadcast_to(near.reshape(len(near), *[1] * (len(op.shape) - 1), -1), (len(near), *op.shape))
