"""`argmax`: the class with the largest score, after the scores themselves or alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from onnx import helper

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Module, Resources
from hw.ops.plain_record import PlainRecord
from hw.stream import Stream


@dataclass(frozen=True)
class Argmax(PlainRecord):
    """Index of the largest of `classes` (at least 2) scores, the lowest one on ties.

    `dtype`: of the scores, not bipolar. `emit_scores`: the output is the scores, then the index, in the scores' type,
    widened where it does not hold `classes - 1`; otherwise the index alone, in the narrowest unsigned type.
    """

    name: str
    classes: int
    dtype: IntType
    emit_scores: bool

    kind: ClassVar[str] = "argmax"

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise HardwareError(f"{self.name}: expected at least 2 classes, got {self.classes}")
        if self.dtype.bipolar:
            raise HardwareError(f"{self.name}: expected scores of a type such as INT8, got BIPOLAR")

    @property
    def input(self) -> Stream:
        return Stream((self.classes,), self.dtype, 1)

    @property
    def output(self) -> Stream:
        if not self.emit_scores:
            return Stream((1,), IntType.holding(0, self.classes - 1), 1)
        wide = IntType.holding(min(self.dtype.min, 0), max(self.dtype.max, self.classes - 1))
        return Stream((self.classes + 1,), wide, 1)

    @property
    def cycles_per_frame(self) -> int:
        return self.classes + int(self.emit_scores)

    def needs(self) -> np.ndarray:
        """A score for its copy, all of them for the label."""
        return np.minimum(np.arange(1, self.output.beats + 1) + (0 if self.emit_scores else self.classes), self.classes)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, classes) -> int64 (N, classes + 1), or (N, 1) without the scores."""
        label = values.argmax(axis=1, keepdims=True).astype(np.int64)
        return np.concatenate([values, label], axis=1) if self.emit_scores else label

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        builder.require_exact(max(-self.dtype.min, self.dtype.max, self.classes - 1), self.name)
        index = builder.add("ArgMax", tensor, axis=1, keepdims=1, select_last_index=0)
        label = builder.add("Cast", index, to=helper.np_dtype_to_tensor_dtype(builder.dtype))
        return builder.add("Concat", tensor, label, axis=1) if self.emit_scores else label

    def module(self) -> Module:
        return Module(
            "argmax",
            {
                "CLASSES": self.classes,
                "IN_BITS": self.dtype.bits,
                "SIGNED": int(self.dtype.signed),
                "OUT_BITS": self.output.dtype.bits,
                "EMIT_SCORES": int(self.emit_scores),
            },
        )

    def resources(self) -> Resources:
        score, out, index = self.dtype.bits, self.output.dtype.bits, (self.classes - 1).bit_length()
        spare = out + 1 if self.emit_scores else 0
        return Resources(lut4=2 * score + out + 3 * index + 4, ff=score + out + 2 * index + 2 + spare)


OP = Argmax
