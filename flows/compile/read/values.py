"""What a tensor is to the reader: a constant, a quantized constant, or integers with a chain behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from flows.compile.network import Shape
from flows.compile.staircase import Affine, Step
from hw.inttype import IntType


@dataclass(frozen=True)
class Constant:
    """A tensor that does not depend on the input."""

    array: np.ndarray


@dataclass(frozen=True)
class QuantizedConstant:
    """`value = scale * (integers - zero)`: `integers` int64 of `dtype`; `scales` and `zeros` broadcast to them, float32
    scales as they are in the graph. `producer`: name of the quantizer."""

    integers: np.ndarray
    dtype: IntType
    scales: np.ndarray
    zeros: np.ndarray
    producer: str

    def reals(self) -> np.ndarray:
        """Object array of exact Fractions."""
        scale = np.vectorize(lambda s: Fraction(float(s)), otypes=[object])(self.scales)
        offset = np.vectorize(lambda z: Fraction(float(z)), otypes=[object])(self.zeros)
        return (self.integers.astype(object) - offset) * scale

    def transposed(self, perm: list[int]) -> QuantizedConstant:
        def turn(array: np.ndarray) -> np.ndarray:
            return np.broadcast_to(array, self.integers.shape).transpose(perm) if array.size > 1 else array

        return replace(self, integers=self.integers.transpose(perm), scales=turn(self.scales), zeros=turn(self.zeros))

    def reshaped(self, shape: tuple[int, ...]) -> QuantizedConstant:
        def form(array: np.ndarray) -> np.ndarray:
            return np.broadcast_to(array, self.integers.shape).reshape(shape) if array.size > 1 else array

        return replace(self, integers=self.integers.reshape(shape), scales=form(self.scales), zeros=form(self.zeros))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the graph's tensor lies over the stream's frame (H, W, C) or (C,).

    `groups`: per axis of the tensor behind the batch axis, which of the labels "C", "H", "W" it runs through, slowest
    first: ("C", "H", "W") for an image, ("CHW",) once flattened.
    """

    shape: Shape
    groups: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        height, width = self.shape[:2] if len(self.shape) == 3 else (1, 1)
        return {"C": self.shape[-1], "H": height, "W": width}

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """Of the graph's tensor, without the batch axis."""
        return tuple(prod(self.sizes[label] for label in group) for group in self.groups)

    @property
    def labels(self) -> str:
        return "".join(self.groups)

    def is_image(self) -> bool:
        """(C, H, W), or (C, W) of a signal, as convolutions and pools expect it."""
        expected = {2: "CW", 3: "CHW"}.get(len(self.groups), "")
        return len(expected) == len(self.groups) and all(
            label == wanted or self.sizes[label] == 1
            for group, wanted in zip(self.groups, expected, strict=True)
            for label in group
        )

    def axis_of_channels(self) -> int | None:
        """The tensor's axis (behind the batch axis) that runs through the channels alone."""
        for axis, group in enumerate(self.groups):
            if "C" in group:
                return axis if all(self.sizes[label] == 1 for label in group if label != "C") else None
        return None

    def regrouped(self, target: tuple[int, ...]) -> Layout | None:
        """The same order of elements under another shape, None where axes would be cut in pieces."""
        if target == self.tensor_shape:
            return self
        labels, groups = list(self.labels), []
        for size in target:
            group, have = "", 1
            while labels and (have < size or self.sizes[labels[0]] == 1):
                have *= self.sizes[labels[0]]
                group += labels.pop(0)
                if have == size and not (labels and self.sizes[labels[0]] == 1):
                    break
            if have != size:
                return None
            groups.append(group)
        if any(self.sizes[label] != 1 for label in labels):
            return None
        if labels:
            groups[-1] += "".join(labels)
        return replace(self, groups=tuple(groups))

    def order(self) -> np.ndarray:
        """int64 (elements,): for each element of the stream its place in the flattened tensor."""
        places = np.arange(prod(self.tensor_shape)).reshape([self.sizes[label] for label in self.labels])
        spare = [label for label in "HWC" if label not in self.labels]
        places = places.reshape(*places.shape, *[1] * len(spare))
        labels = self.labels + "".join(spare)
        return places.transpose([labels.index(label) for label in "HWC"]).reshape(-1)


@dataclass(frozen=True)
class Codes:
    """Integers of node `source`, and `steps` from them to the tensor's value. `pads`: top, left, bottom, right pixels
    that the next convolution adds, all of the value `fill`."""

    source: str
    layout: Layout
    steps: tuple[Step, ...] = ()
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    fill: Fraction = Fraction(0)

    @property
    def channels(self) -> int:
        return self.layout.shape[-1]

    def affine(self) -> Affine | None:
        """The steps as one affine, None where one of them is none."""
        if not self.steps:
            return Affine((Fraction(1),))
        return self.steps[0] if len(self.steps) == 1 and isinstance(self.steps[0], Affine) else None

    def scaled(self, factors: tuple, terms: tuple = (Fraction(0),)) -> Codes:
        """`factor * value + term` behind it, per channel or one for all."""
        if self.steps and isinstance(self.steps[-1], Affine):
            return replace(self, steps=(*self.steps[:-1], self.steps[-1].then(factors, terms)))
        return replace(self, steps=(*self.steps, Affine(factors, terms)))

    def stepped(self, step: Step) -> Codes:
        return replace(self, steps=(*self.steps, step))


Value = Constant | QuantizedConstant | Codes
