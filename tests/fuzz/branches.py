"""A random small network with branches: residual sums, concatenations, depthwise convolutions, average pools."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from pathlib import Path

import numpy as np

from flows.config import CompileConfig
from tests.fuzz.networks import CLOCK_MHZ, MAX_COLUMNS, Case, FuzzWriter


class BranchWriter(FuzzWriter):
    """Blocks that leave a tensor quantized with zero as a level. Everything is a power of two, so that float32 rounds
    nowhere and the reference executor must give the very same integers."""

    def layer(self, channels: int, kernel: int, stride: int = 1, group: int = 1, *, signed: bool = False) -> None:
        """A convolution with the padding that keeps the size, sometimes a batch norm, and a quantizer."""
        pad, bits = kernel // 2, int(self.pick(1, 2, 3, 4, 4, 6))
        weight = self.matrix((channels, self.shape[0] // group, kernel, kernel), bits)
        self.node(
            "Conv", weight, kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2, group=group,
            dilations=[1, 1],
        )  # fmt: skip
        self.shape = (channels, *((side + 2 * pad - kernel) // stride + 1 for side in self.shape[1:]))
        self.words.append(f"conv{channels}({kernel}x{kernel} stride{stride} group{group} w{bits})")
        if self.likely(0.4):
            self.norm(channels, 2)
        self.signed(int(self.pick(2, 3, 4))) if signed else self.uniform(int(self.pick(1, 2, 2, 3, 4)))

    def saved(self) -> tuple:
        return self.tensor, self.shape, self.grid, self.peak, self.lowest

    def restore(self, saved: tuple) -> None:
        self.tensor, self.shape, self.grid, self.peak, self.lowest = saved

    def joined(self, kind: str, other: tuple, **options: object) -> None:
        """A node of this tensor and another: its grid is the finer one."""
        self.node(kind, other[0], **options)
        self.grid = min(self.grid, other[2])
        self.peak = self.peak + other[3] if kind in ("Add", "Sub") else max(self.peak, other[3])
        self._scaled(Fraction(1), 1.0)

    def residual(self) -> None:
        """Both ways may be layers; the sum is quantized with or without Relu."""
        start, channels, stride = self.saved(), self.shape[0], int(self.pick(1, 1, 2))
        wide = channels if stride == 1 and self.likely(0.7) else int(self.pick(1, 2, 3, 4))
        self.layer(wide, int(self.pick(1, 3)), stride, signed=self.likely(0.7))
        left = self.saved()
        self.restore(start)
        if wide != channels or stride > 1:
            self.layer(wide, 1, stride, signed=self.likely(0.7))
        kind = str(self.pick("Add", "Add", "Sub"))
        self.words.append(kind)
        self.joined(kind, left)
        self.uniform(int(self.pick(2, 3, 4)))

    def concatenation(self) -> None:
        start = self.saved()
        self.layer(int(self.pick(1, 2, 3)), int(self.pick(1, 3)))
        left = self.saved()
        self.restore(start)
        if self.likely(0.5):
            self.layer(int(self.pick(1, 2, 4)), 1)
        channels = self.shape[0] + left[1][0]
        self.words.append("concat")
        self.joined("Concat", left, axis=1)
        self.shape = (channels, *self.shape[1:])
        self.layer(int(self.pick(1, 2, 3, 4)), int(self.pick(1, 3)))

    def depthwise(self) -> None:
        self.layer(self.shape[0], int(self.pick(1, 3)), int(self.pick(1, 1, 2)), group=self.shape[0])

    def average(self) -> None:
        """Two by two or over the whole picture, where a power of two divides; then a quantizer."""
        height, width = self.shape[1:]
        whole = height * width in (1, 2, 4, 8, 16, 32, 64)
        if whole and self.likely(0.4):
            self.node("GlobalAveragePool")
            count, self.shape = height * width, (self.shape[0], 1, 1)
        elif min(height, width) >= 2:
            self.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
            count, self.shape = 4, (self.shape[0], height // 2, width // 2)
        else:
            return
        self.words.append(f"average{count}")
        self._scaled(Fraction(1, count), 1.0)
        self.uniform(int(self.pick(2, 3, 4)))


def draw(seed: int, folder: Path) -> Case:
    """Writes `model.onnx` of this seed into an existing folder. The compiler must take every one."""
    random = np.random.default_rng([seed, 4])
    side = int(random.integers(2, 7))
    shape = (int(random.choice([1, 2])), side, int(random.choice([side, side, 4])))
    net = BranchWriter(shape, seed, ordinary=False)
    net.layer(int(random.choice([1, 2, 3, 4])), int(random.choice([1, 3])))
    blocks = [net.residual, net.concatenation, net.depthwise, net.average]
    for _ in range(int(random.integers(1, 4))):
        blocks[int(random.choice(4, p=[0.35, 0.25, 0.2, 0.2]))]()
    while prod(net.shape) > MAX_COLUMNS:
        net.pool(2)
        net.words.append("pool2")
    net.flatten()
    net.dense(int(random.choice([2, 3, 5, 10])))
    fps = int(10 ** random.uniform(2, np.log10(CLOCK_MHZ * 1e6)))
    config = CompileConfig(fps, CLOCK_MHZ, int(random.choice([0, 2, 3, 4])))
    text = f"{' '.join(net.words)} {'exact' if net.exact else 'rounding'} fps={fps} fifo={config.fifo_depth}"
    return Case(seed, net.save(folder / "model.onnx", shape), shape, config, net.exact, text, branches=True)
