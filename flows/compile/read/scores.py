"""The logits as integer scores: what of their scale and bias the circuit computes, and what the host is told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np

from flows.compile.network import Node, Product, Scores, Sum
from flows.compile.read.activations import requantize
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes
from flows.compile.refuse import refuse
from flows.errors import FlowError

MAX_SCORE_SHIFT = 8


def read_scores(reader: Reader) -> Scores:
    """Raises FlowError where the output is no vector of at least two quantized logits."""
    value = reader.values.get(reader.result)
    if not isinstance(value, Codes):
        raise FlowError(f"output {reader.result!r}: expected logits that depend on the input, got a constant")
    last = next(node for node in reversed(reader.graph.node) if reader.result in node.output)
    shape = value.layout.shape
    if not reader.nodes:
        raise FlowError(f"output {reader.result!r}: expected a network, got no layer; export one that ends with logits")
    if any(side != 1 for side in shape[:-1]) or shape[-1] < 2:
        raise refuse(last, f"scores of shape {shape}", "end with a linear layer of at least 2 classes")
    codes = requantize(reader, last, value)
    affine = codes.affine()
    classes = codes.channels
    factors, terms = (list(c) * classes if len(c) == 1 else list(c) for c in (affine.factors, affine.terms))
    if 0 in factors:
        raise refuse(last, "a class whose logit is constant", "train again: its scale has collapsed")
    signs = tuple(-1 if factor < 0 else 1 for factor in factors)
    reader.negate(last, codes.source, signs)
    settled = reader.signs.get(codes.source, (1,) * classes)
    if settled != signs:
        raise refuse(last, "a negative scale of logits that something else takes too", "use a positive scale")
    factors = [abs(factor) for factor in factors]
    if len(set(factors)) > 1:
        return _host(reader, codes, factors, terms, "the logits have a scale per class")
    unit = factors[0]
    ratios = [term / unit for term in terms]
    bias, shift, finer, offsets = integer_bias(ratios, unit)
    if changed := _biased(reader, codes.source, bias, shift, takers=0):
        reader.nodes |= changed
        return _ordered(reader, codes, [finer] * classes, offsets)
    if len(set(terms)) > 1:
        return _host(reader, codes, factors, terms, "the logits have a bias per class and no layer to add it")
    return _ordered(reader, codes, [unit] * classes, terms)


def _biased(reader: Reader, source: str, bias: list[int], shift: int, takers: int) -> dict[str, Node]:
    """Nodes in place of those of the same names, with which `source` gives `(v << shift) + bias` instead of v: itself,
    where it is a layer, or one layer under its sums. Empty where none can, or where more than `takers` take it."""
    node = reader.nodes.get(source)
    if sum(other.inputs.count(source) for other in reader.nodes.values()) > takers:
        return {}
    if isinstance(node, Product):
        return {source: replace(node, bias=np.array(bias, dtype=np.int64), shift=shift)}
    if isinstance(node, Sum):
        for side, gain in enumerate(node.gains):
            if not gain or any(b % gain for b in bias):
                continue
            if below := _biased(reader, node.inputs[side], [b // gain for b in bias], shift, takers=1):
                gains = tuple(g if k == side else g << shift for k, g in enumerate(node.gains))
                return below | {source: replace(node, gains=gains)}
    return {}


def integer_bias(ratios: list[Fraction], unit: Fraction) -> tuple[list[int], int, Fraction, list[Fraction]]:
    """Integers b, a shift and the host's scale and offsets for logits `unit * (sum + ratios[c])`.

    score = (sum << shift) + b orders the classes exactly as the logits do, ties included: where the ratios are no
    multiples of 2**-8, their fractions are replaced by a rank that sorts alike, and the host's offset tells the rest.
    """
    zero = [Fraction(0)] * len(ratios)
    for base in (Fraction(0), ratios[0]):
        moved = [ratio - base for ratio in ratios]
        for shift in range(MAX_SCORE_SHIFT + 1):
            if all((ratio * 2**shift).denominator == 1 for ratio in moved):
                bias = [int(ratio * 2**shift) for ratio in moved]
                return bias, shift, unit / 2**shift, [z + unit * base for z in zero]
    moved = [ratio - ratios[0] for ratio in ratios]
    whole = [floor(ratio) for ratio in moved]
    parts = [ratio - w for ratio, w in zip(moved, whole, strict=True)]
    ranked = sorted(set(parts))
    for shift in range(1, MAX_SCORE_SHIFT + 1):
        levels = {part: floor(part * 2**shift) for part in ranked}
        if len(set(levels.values())) == len(ranked):
            break
    else:
        shift = max(MAX_SCORE_SHIFT, len(ranked).bit_length())
        levels = {part: rank for rank, part in enumerate(ranked)}
    bias = [(w << shift) + levels[part] for w, part in zip(whole, parts, strict=True)]
    offsets = [unit * (ratio - Fraction(b, 2**shift)) for ratio, b in zip(ratios, bias, strict=True)]
    return bias, shift, unit / 2**shift, offsets


def _ordered(reader: Reader, codes: Codes, scale: list[Fraction], offset: list[Fraction]) -> Scores:
    notes = list(reader.notes)
    if len(set(offset)) > 1:
        notes.append(
            "the bias of the logits lies between the steps of their sums: the integer scores order the classes exactly "
            "as the logits do, and logit_offset gives each class's remainder"
        )
    return Scores(codes.source, tuple(scale), tuple(offset), True, "; ".join(notes))


def _host(reader: Reader, codes: Codes, scale: list[Fraction], offset: list[Fraction], why: str) -> Scores:
    note = (
        f"{why}: the circuit gives the integer sums, and the host must compute logit = scale * sum + offset "
        "(logit_scale, logit_offset) before it compares classes; the circuit gives no label"
    )
    return Scores(codes.source, tuple(scale), tuple(offset), False, "; ".join([*reader.notes, note]))
