"""Random integer networks for the proofs: fully connected, convolutional and residual."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold

INT4, UINT2 = IntType(4, True), IntType(2, False)


def layer(rng, name: str, rows: int, columns: int, incoming: IntType, output: IntType = UINT2) -> list:
    """A matrix unit and thresholds within the reach of its sums."""
    unit = MatVec(name, (), rng.integers(-8, 8, (rows, columns)), INT4, incoming, 1, 1, bias=rng.integers(-9, 9, rows))
    reach = unit.output.dtype
    levels = output.max - output.min
    steps = np.sort(rng.integers(reach.min // 3, reach.max // 3 + 1, (rows, 1 if output.bipolar else levels)), axis=1)
    start, step = (-1, 2) if output.bipolar else (output.min, 1)
    return [unit, Threshold(f"act_{name}", (rows,), reach, steps, output, 1, start, step)]


def mlp(seed: int, inputs: int = 3, hidden: tuple[int, ...] = (6, 5), classes: int = 3, bits: int = 4) -> Dataflow:
    rng, incoming, ops, width = np.random.default_rng(seed), IntType(bits, False), [], inputs
    for index, rows in enumerate(hidden):
        output = IntType.parse("BIPOLAR") if seed % 3 == 0 else IntType(2, seed % 3 == 1)
        ops += layer(rng, f"fc{index}", rows, width, incoming, output)
        incoming, width = output, rows
    last = MatVec("last", (), rng.integers(-8, 8, (classes, width)), INT4, incoming, 1, 1, shift=seed % 2)
    return Dataflow("mlp", (*ops, last, Argmax("label", classes, last.output.dtype, True)))


def residual(seed: int, inputs: int = 4) -> Dataflow:
    """input -> layer -> fork -> layer + itself -> thresholds -> scores."""
    rng, bits = np.random.default_rng(seed), IntType(4, False)
    first = layer(rng, "fc0", 5, inputs, bits)
    body = layer(rng, "fc1", 5, 5, UINT2, IntType(3, True))
    add = Add("add", (5,), IntType(3, True), UINT2, 1, int(rng.integers(-3, 4)), 2, -1)
    steps = np.sort(rng.integers(-6, 7, (5, 3)).clip(add.output.dtype.min, add.output.dtype.max), axis=1)
    act = Threshold("act", (5,), add.output.dtype, steps, UINT2, 1)
    last = MatVec("last", (), rng.integers(-8, 8, (3, 5)), INT4, UINT2, 1, 1)
    ops = (*first, Fork("fork", (5,), UINT2, 1, 2), *body, add, act, last, Argmax("label", 3, last.output.dtype, True))
    sources = {
        **{"fc0": ("input",), "act_fc0": ("fc0",), "fork": ("act_fc0",), "fc1": ("fork.0",), "act_fc1": ("fc1",)},
        **{"add": ("act_fc1", "fork.1"), "act": ("add",), "last": ("act",), "label": ("last",)},
    }
    return Dataflow("residual", ops, sources)
