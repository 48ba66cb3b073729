"""A random small network and folding for one seed: the corners that trained networks rarely reach."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path

import numpy as np
from onnx import helper

from flows.config import CompileConfig
from tests.flows.compile.qonnx_networks import QONNX, NetworkWriter

CLOCK_MHZ = 25.0
FLOAT32_INTEGERS = 1 << 24
MAX_COLUMNS = 160
"""Of a matrix unit: keeps one case at seconds."""


@dataclass(frozen=True)
class Case:
    """`model`: QONNX file of images `shape` (C, H, W). `exact`: float32 rounds nowhere in it, so that the reference
    executor must give the very same integers. `text`: the network in words. `branches`: no chain; FINN may refuse."""

    seed: int
    model: Path
    shape: tuple[int, int, int]
    config: CompileConfig
    exact: bool
    text: str
    branches: bool = False


class FuzzWriter(NetworkWriter):
    """Draws every parameter; keeps the grid and the peak of the current tensor to know where float32 would round."""

    def __init__(self, shape: tuple[int, int, int], seed: int, ordinary: bool) -> None:
        super().__init__(shape, seed)
        self.ordinary, self.exact, self.words = ordinary, not ordinary, [f"{'x'.join(map(str, shape))}"]
        self.grid, self.peak, self.lowest = Fraction(1), 255.0, 0.0
        self.node("Mul", self.number(2.0**-8))
        self._scaled(Fraction(1, 256), 2.0**-8)

    def pick(self, *choices: object) -> object:
        return choices[int(self.random.integers(len(choices)))]

    def likely(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _scaled(self, grid: Fraction, peak: float) -> None:
        self.grid, self.peak = self.grid * grid, self.peak * peak
        self.exact &= self.peak / float(self.grid) <= FLOAT32_INTEGERS

    def matrix(self, shape: tuple[int, ...], bits: int) -> str:
        """A weight, and what it does to the grid. Narrow and full range, rows of zeros, rows of extremes.

        Eight bits are always narrow: their lowest integer, negated, has no operator.
        """
        scale = 2.0 ** -int(self.random.integers(0, 6))
        if self.ordinary:
            scale = float(np.float32(self.random.uniform(0.01, 0.3)))
        if bits == 1:
            values = np.where(self.random.random(shape) < 0.5, -1, 1)
        else:
            high, narrow = 2 ** (bits - 1) - 1, self.likely(0.7) or bits == 8
            values = self.random.integers(-high - (not narrow), high + 1, shape)
            if self.likely(0.2):
                values[0] = 0
            if self.likely(0.2):
                values[-1] = self.pick(-high, high)
        name, real = f"w{len(self.nodes)}", (values * np.float32(scale)).astype(np.float32)
        if bits == 1:
            operands, kind, options = [self.number(real), self.number(scale)], "BipolarQuant", {}
        else:
            operands = [self.number(real), self.number(scale), self.number(0), self.number(bits)]
            kind, options = "Quant", {"narrow": int(narrow), "signed": 1, "rounding_mode": "ROUND"}
        self.nodes.append(helper.make_node(kind, operands, [name], name, domain=QONNX, **options))
        self._scaled(Fraction(scale), scale * max(1, int(np.abs(values).reshape(len(values), -1).sum(axis=1).max())))
        return name

    def norm(self, channels: int, axes: int) -> None:
        """Factor and offset per channel: negative, zero, equal for all, tiny and huge ones."""
        shape, deviation = (channels, *[1] * axes), max(self.peak / 4, 1e-6)
        style = self.pick("plain", "plain", "plain", "zero", "scalar", "extreme", "none", *["none"] * 4 * self.ordinary)
        self.words.append(f"norm:{style}")
        if style == "none":
            return
        sign = np.where(self.random.random(shape) < 0.3, -1, 1)
        factor = self.random.uniform(0.5, 2, shape) / deviation
        offset = self.random.normal(0, 0.5, shape)
        if style == "zero":
            factor[self.random.random(shape) < 0.5] = 0
        if style == "extreme":
            factor = factor * 2.0 ** self.random.integers(-6, 7, shape)
            offset = offset * self.random.choice([0, 2.0**-8, 1, 64, 4096], shape)
        if style == "scalar":
            factor, offset, sign = factor.reshape(-1)[0], offset.reshape(-1)[0], sign.reshape(-1)[0]
        if not self.ordinary:
            exponent = np.floor(np.log2(np.where(factor == 0, 1, factor)))
            mantissa = np.where(self.random.random(np.shape(factor)) < 0.5, 1, 1.5)
            factor = np.where(factor == 0, 0, 2.0**exponent * mantissa)
        factor = np.asarray(factor * sign, dtype=np.float32)
        self.node("Mul", self.number(factor))
        least = np.abs(factor[factor != 0]).min(initial=1.0)
        self._scaled(Fraction(float(2.0 ** np.floor(np.log2(least)))) / 2, float(np.abs(factor).max()))
        if not self.ordinary:
            step = max(2.0**-8, float(self.grid))
            offset = np.round(np.asarray(offset) / step) * step
        self.node("Add", self.number(offset))
        self.peak += float(np.abs(offset).max())
        self._scaled(Fraction(1), 1.0)

    def thresholds(self, bits: int) -> None:
        channels, count = self.shape[0], 2**bits - 1
        style = self.pick("plain", "plain", "channels", "equal", "grid", "far", *["grid"] * 4 * self.ordinary)
        spread = max(self.peak / 3, 1e-6)
        table = self.random.normal(0, spread, (channels if style != "plain" else 1, count))
        if style == "equal":
            table = np.round(table / spread) * spread
        if style == "grid":  # on values that the pre-activation takes: the comparison is a tie
            table = np.round(table / float(self.grid)) * float(self.grid)
        if style == "far":
            table = table * self.random.choice([0.0, 1.0, 1e6], table.shape)
        step = float(np.float32(self.random.uniform(0.05, 1))) if self.ordinary else 2.0 ** (1 - bits)
        self.words.append(f"dqa{bits}:{style}")
        self.node(
            "MultiThreshold", self.number(np.sort(table.astype(np.float32), axis=1)), domain=QONNX,
            out_dtype=f"UINT{bits}", out_scale=1.0, out_bias=0.0, data_layout="NCHW" if len(self.shape) == 3 else "NC",
        )  # fmt: skip
        self.node("Add", self.number(-count / 2))
        self.node("Mul", self.number(step))
        self.grid, self.peak, self.lowest = Fraction(step) / 2, count / 2 * step, -count / 2 * step

    def uniform(self, bits: int) -> None:
        scale = float(np.float32(self.peak * self.random.uniform(0.02, 1))) / 2**bits
        if self.ordinary and self.likely(0.5):  # halves of it are values that the pre-activation takes
            scale = max(1, round(scale / 2 / float(self.grid))) * 2 * float(self.grid)
        if not self.ordinary:
            scale = 2.0 ** int(np.floor(np.log2(max(scale, 2.0**-20))))
        self.words.append(f"relu{bits}")
        self.relu(bits, scale)
        self.grid, self.peak, self.lowest = Fraction(float(np.float32(scale))), (2**bits - 1) * scale, 0.0

    def signed(self, bits: int) -> None:
        """A uniform quantizer without Relu: codes below zero."""
        scale = 2.0 ** int(np.floor(np.log2(max(self.peak * self.random.uniform(0.1, 2), 2.0**-20)))) / 2**bits
        scale *= float(np.float32(self.random.uniform(0.5, 1))) if self.ordinary else 1
        narrow = int(self.likely(0.5))
        self.words.append(f"signed{bits}{'n' * narrow}")
        operands = [self.number(v) for v in (scale, 0, bits)]
        self.node("Quant", *operands, domain=QONNX, narrow=narrow, signed=1, rounding_mode="ROUND")
        self.grid, self.peak, self.lowest = Fraction(float(np.float32(scale))), 2 ** (bits - 1) * scale, 0.0

    def quantizer(self) -> None:
        bits = int(self.pick(1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8) if self.likely(0.5) else self.pick(1, 2, 3, 4))
        if self.likely(0.6):
            self.thresholds(bits)
        elif bits == 1 or self.likely(0.75):
            self.uniform(bits)
        else:
            self.signed(bits)

    def weight_bits(self) -> int:
        return int(self.pick(1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8))

    def convolution(self) -> None:
        """Kernel, padding and stride that fit; padding only where zero is a level of the input."""
        channels, height, width = self.shape
        pad = int(self.pick(0, 0, 1, 2)) if self.lowest == 0 else 0
        most = [max(1, min(5, side + 2 * pad)) for side in (height, width)]
        kernel = [int(self.random.integers(1, m + 1)) for m in most]
        if self.likely(0.7):
            kernel = [min(kernel)] * 2
        while channels * prod(kernel) > MAX_COLUMNS:
            kernel = [max(1, k - 1) for k in kernel]
        stride = [1, 1] if self.likely(0.8) else [2, 2]
        rows, bits = int(self.pick(1, 2, 3, 4, 5, 6, 7, 8)), self.weight_bits()
        weight = self.matrix((rows, channels, *kernel), bits)
        self.node("Conv", weight, kernel_shape=kernel, pads=[pad] * 4, strides=stride, group=1, dilations=[1, 1])
        sides = [(n + 2 * pad - k) // s + 1 for n, k, s in zip((height, width), kernel, stride, strict=True)]
        self.shape = (rows, *sides)
        self.words.append(f"conv{rows}({kernel[0]}x{kernel[1]} pad{pad} stride{stride[0]} w{bits})")

    def dense(self, rows: int) -> None:
        bits = self.weight_bits()
        if self.likely(0.5):
            self.node("Gemm", self.matrix((rows, self.shape[0]), bits), transB=1)
        else:  # the reduction axis of a MatMul's weight comes first
            name = self.matrix((self.shape[0], rows), bits)
            self.peak *= self.shape[0]  # a bound: the weight's rows are columns here
            self._scaled(Fraction(1), 1.0)
            self.node("MatMul", name)
        self.shape = (rows,)
        self.words.append(f"fc{rows}(w{bits})")


def draw(seed: int, folder: Path) -> Case:
    """Writes `model.onnx` of this seed into an existing folder. The compiler must take every one."""
    random = np.random.default_rng([seed, 1])
    convolutional = bool(random.random() < 0.6)
    side = 9 if convolutional else 5
    shape = (int(random.choice([1, 1, 2, 3])), *(int(random.integers(1, side)) for _ in range(2)))
    if random.random() < 0.6:
        shape = (shape[0], shape[1], shape[1])
    net = FuzzWriter(shape, seed, ordinary=bool(random.random() < 0.3))
    if random.random() < 0.1 and min(shape[1:]) > 1:
        net.words.append("pool2")
        net.pool(2)
    for _ in range(int(random.integers(1, 4)) if convolutional else 0):
        net.convolution()
        net.norm(net.shape[0], 2)
        net.quantizer()
        pool = int(random.choice([0, 0, 1, 2, 2, 3]))
        if pool and pool <= min(net.shape[1:]):
            net.pool(pool)
            net.words.append(f"pool{pool}")
    if prod(net.shape) > MAX_COLUMNS:
        pool = max(1, min(net.shape[1:]) // 2)
        net.pool(pool)
        net.words.append(f"pool{pool}")
    net.flatten()
    for _ in range(int(random.choice([0, 1, 1, 2]))):
        net.dense(int(random.choice([1, 2, 3, 5, 7, 8, 11, 12])))
        net.norm(net.shape[0], 0)
        net.quantizer()
    net.dense(int(random.choice([2, 3, 4, 7, 10])))
    fps = int(10 ** random.uniform(0, np.log10(CLOCK_MHZ * 1e6)))
    config = CompileConfig(fps, CLOCK_MHZ, int(random.choice([0, 2, 3, 4])))
    text = f"{' '.join(net.words)} {'exact' if net.exact else 'rounding'} fps={fps} fifo={config.fifo_depth}"
    return Case(seed, net.save(folder / "model.onnx", shape), shape, config, net.exact, text)


def images(case: Case, count: int) -> np.ndarray:
    """uint8 (count + 4, C, H, W): random ones, then all 0, all 255 and both checkerboards."""
    random = np.random.default_rng([case.seed, 2])
    board = np.indices(case.shape).sum(axis=0) % 2 * 255
    extremes = [np.zeros(case.shape), np.full(case.shape, 255), board, 255 - board]
    drawn = random.integers(0, 256, (count, *case.shape))
    return np.concatenate([drawn, np.stack(extremes)]).astype(np.uint8)
