"""The integer network: what every node computes on integers, before it is unfolded into operators."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from flows.compile.staircase import Staircase
from hw.inttype import IntType

INPUT = "input"

Shape = tuple[int, ...]
"""(H, W, C) of an image or (C,) of a vector, in the order of the stream."""


@dataclass(frozen=True, slots=True)
class Range:
    """Least and greatest integer of every channel."""

    low: tuple[int, ...]
    high: tuple[int, ...]


def sum_type(rows: np.ndarray, codes: IntType) -> IntType:
    """The type of sums of `rows` (M, K) times codes of that type: what a matrix unit gives."""
    ends = np.stack([rows * codes.min, rows * codes.max])
    return IntType.holding(int(ends.min(axis=0).sum(axis=1).min()), int(ends.max(axis=0).sum(axis=1).max()))


@dataclass(frozen=True, slots=True)
class Geometry:
    """Of a convolution: `kernel`, `stride`, `dilation` as (rows, columns); `pads`: top, left, bottom, right, filled
    with `pad_code`, the integer that stands for what the graph pads with; `depthwise`: one filter per channel."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_code: int = 0
    depthwise: bool = False


@dataclass(frozen=True)
class Node:
    """`name`: of the operator that gives its integers. `inputs`: names of nodes, or `input`. `shape`: of its frame.
    `range`: of its integers. `dtype`: how a stream carries them. `tensor`: of the graph, that holds their values."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape
    range: Range
    dtype: IntType
    tensor: str

    @property
    def channels(self) -> int:
        return self.shape[-1]


@dataclass(frozen=True)
class Product(Node):
    """A convolution or matrix product. `weights`: int64 (M, K) with K in the order of the stream (kh, kw, C), for a
    depthwise one (C, kh * kw); `input_shape`, `input_type`: of its input; `geometry`: None for a product with the whole
    frame. `bias`, `shift`: where the scores need them, it gives `(sum << shift) + bias`; `range` and `dtype` are those
    of the sum."""

    weights: np.ndarray
    weight_type: IntType
    input_shape: Shape
    input_type: IntType
    geometry: Geometry | None
    bias: np.ndarray
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """Of stochastic rounding: d = floor(r * spread[c] / 2**bits) - spread[c] // 2 on the integers of the input, signs
    applied, r uniform of `bits` bits from the circuit's generator of that `seed`."""

    spread: tuple[int, ...]
    bits: int
    seed: int


@dataclass(frozen=True)
class Activation(Node):
    """`stairs`: exact map from the integer of its input to its code, of one channel. `signs`: per channel, -1 where
    that integer is the negative of what the graph computes (weights in front were negated so that it rises);
    `stairs` takes the graph's own. `step`, `lowest`: per channel (or one for all), value = step * code + lowest.
    `labels`: axes of `tensor` in its order. `noise`: where it rounds at random."""

    stairs: Staircase
    signs: tuple[int, ...]
    input_range: Range
    step: tuple[Fraction, ...]
    lowest: tuple[Fraction, ...]
    labels: str
    noise: Noise | None = None


@dataclass(frozen=True)
class MaxPool(Node):
    """Maximum over windows of `kernel` (rows, columns), `stride` apart; `pads` (top, left, bottom, right) never win."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]
    input_shape: Shape


@dataclass(frozen=True)
class SumPool(Node):
    """Sum over windows of `kernel` pixels (rows, columns), `kernel` apart: an average pool without its division."""

    kernel: tuple[int, int]
    input_shape: Shape


@dataclass(frozen=True)
class Sum(Node):
    """`gains[0] * a + gains[1] * b`: both on one integer grid."""

    gains: tuple[int, int]


@dataclass(frozen=True)
class Concatenation(Node):
    """Along the channels. `parts`: how many channels each input has."""

    parts: tuple[int, ...]


@dataclass(frozen=True)
class Scores:
    """How the host reads the last integers: logit of class c = `scale[c]` * score + `offset[c]`.

    `ordered`: the integers order the classes as the logits do, so that their argmax is the network's label; otherwise
    the host has to apply scale and offset first. `note`: in words, empty where the scores say it all.
    """

    source: str
    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    ordered: bool
    note: str


@dataclass(frozen=True)
class Network:
    """`nodes` in topological order; `input_shape`: (H, W, C)."""

    nodes: tuple[Node, ...]
    input_shape: tuple[int, int, int]
    input_type: IntType
    scores: Scores

    @property
    def activations(self) -> dict[str, Activation]:
        return {node.name: node for node in self.nodes if isinstance(node, Activation)}

    @property
    def products(self) -> list[Product]:
        return [node for node in self.nodes if isinstance(node, Product)]
