"""Every operator once more, in plain Python integers, element by element, from its README's formula.

Written apart from the numpy models in `hw`: no broadcasting, no strides, no shared helper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from hw.op import Op

Values = list  # nested lists of int, one frame


def pixels(frame: Values) -> Iterator[list[int]]:
    """The innermost lists, in order."""
    if frame and isinstance(frame[0], list):
        for part in frame:
            yield from pixels(part)
    else:
        yield frame


def flat(frame: Values) -> list[int]:
    return [value for pixel in pixels(frame) for value in pixel]


def pad(op: Op, frame: Values) -> list[int]:
    top, left, bottom, right = op.pads
    height, width, channels = op.shape
    out = []
    for row in range(-top, height + bottom):
        for column in range(-left, width + right):
            inside = 0 <= row < height and 0 <= column < width
            out += frame[row][column] if inside else [op.value] * channels
    return out


def window(op: Op, frame: Values) -> list[int]:
    height, width, channels = op.shape
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation
    out, group = [], op.parallel if op.depthwise else channels
    for row in range(0, height - (kh - 1) * dh, sh):
        for column in range(0, width - (kw - 1) * dw, sw):
            for first in range(0, channels, group):
                for i in range(kh):
                    for j in range(kw):
                        out += frame[row + i * dh][column + j * dw][first : first + group]
    return out


def matvec(op: Op, frame: Values) -> list[int]:
    weights, bias = op.weights.tolist(), op.bias.tolist()
    out = []
    for vector in pixels(frame):
        for row, offset in zip(weights, bias, strict=True):
            total = 0
            for weight, value in zip(row, vector, strict=True):
                total += weight * value
            out.append(total * 2**op.shift + offset)
    return out


def depthwise(op: Op, frame: Values) -> list[int]:
    """Beats of `pe` channels: all taps of a group of channels, then the next group's."""
    filters, bias, beats = op.weights.tolist(), op.bias.tolist(), flat(frame)
    taps = len(filters[0]) * len(filters[0][0])
    groups, out, at = len(filters) // op.pe, [], 0
    for _ in range(op.shape[0] * op.shape[1]):
        for group in range(groups):
            sums = [0] * op.pe
            for tap in range(taps):
                for lane in range(op.pe):
                    weight = flat(filters[group * op.pe + lane])[tap]
                    sums[lane] += weight * beats[at]
                    at += 1
            out += [total * 2**op.shift + bias[group * op.pe + lane] for lane, total in enumerate(sums)]
    return out


def threshold(op: Op, frame: Values) -> list[int]:
    table = op.thresholds.tolist()
    return [
        op.start + op.step * len([t for t in table[channel] if value >= t])
        for pixel in pixels(frame)
        for channel, value in enumerate(pixel)
    ]


class Noise:
    """The dither of a stochastic threshold, bit by bit (splitmix64 for the first 63 bits, then x^63 + x + 1)."""

    def __init__(self, op: Op) -> None:
        seed, state, mask = op.seed, 0, 2**64 - 1
        while state == 0:
            seed = (seed + 0x9E3779B97F4A7C15) & mask
            mixed = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
            state = (mixed ^ (mixed >> 31)) >> 1
        self.op, self.at, self.bits = op, 0, [(state >> n) & 1 for n in range(63)]

    def draw(self) -> int:
        end = self.at + self.op.draw_bits
        while len(self.bits) < end:
            self.bits.append(self.bits[-63] ^ self.bits[-62])
        r = sum(bit * 2**n for n, bit in enumerate(self.bits[self.at : end]))
        self.at = end
        return r


def stochastic(op: Op, frames: list[Values]) -> list[list[int]]:
    noise, table, spread, out = Noise(op), op.thresholds.tolist(), op.spread.tolist(), []
    for frame in frames:
        if op.restart_every_frame:
            noise.at = 0
        out.append([])
        for pixel in pixels(frame):
            for channel, value in enumerate(pixel):
                d = noise.draw() * spread[channel] // 2**op.draw_bits - spread[channel] // 2
                out[-1].append(op.start + op.step * len([t for t in table[channel] if value + d >= t]))
    return out


def _pooled(op: Op, frame: Values, stride: tuple[int, int], reduce: Callable) -> list[int]:
    height, width, channels = op.shape
    kh, kw = op.kernel
    return [
        reduce(frame[row + i][column + j][channel] for i in range(kh) for j in range(kw))
        for row in range(0, height - kh + 1, stride[0])
        for column in range(0, width - kw + 1, stride[1])
        for channel in range(channels)
    ]


def maxpool(op: Op, frame: Values) -> list[int]:
    return _pooled(op, frame, op.stride, max)


def accpool(op: Op, frame: Values) -> list[int]:
    return _pooled(op, frame, op.kernel, sum)


def argmax(op: Op, frame: Values) -> list[int]:
    best = 0
    for index, score in enumerate(frame):
        if score > frame[best]:
            best = index
    return [*frame, best] if op.emit_scores else [best]


def unchanged(op: Op, frame: Values) -> list[int]:
    return flat(frame)


def add(op: Op, a: Values, b: Values) -> list[int]:
    pairs = zip(flat(a), flat(b), strict=True)
    return [op.gain_a * x + op.gain_b * y + op.offset for x, y in pairs]


def concat(op: Op, *frames: Values) -> list[int]:
    return [value for parts in zip(*map(pixels, frames), strict=True) for part in parts for value in part]


def vote(op: Op, *frames: Values) -> list[int]:
    gains, columns = op.gains, zip(*map(flat, frames), strict=True)
    return [sum(gain * value for gain, value in zip(gains, column, strict=True)) for column in columns]


ONE_RESULT: dict[str, Callable[..., list[int]]] = {
    **{"pad": pad, "window": window, "matvec": matvec, "depthwise": depthwise, "threshold": threshold},
    **{"maxpool": maxpool, "accpool": accpool, "argmax": argmax, "add": add, "concat": concat, "vote": vote},
    **{"width_converter": unchanged, "fifo": unchanged, "fork": unchanged},
}


def expected(op: Op, values: tuple[np.ndarray, ...]) -> list[list[int]]:
    """What the operator gives for int64 (N, *shape) of each of its streams, every frame flattened. A fork's copies are
    all this one."""
    frames = [list(frame) for frame in zip(*(array.tolist() for array in values), strict=True)]
    if op.kind == "stochastic_threshold":
        return stochastic(op, [frame for (frame,) in frames])
    return [ONE_RESULT[op.kind](op, *frame) for frame in frames]
