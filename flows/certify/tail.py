"""The fully connected end of a circuit: the operators through which bounds can be carried backwards."""

from __future__ import annotations

from dataclasses import dataclass

from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.op import Op

TRANSPARENT = ("fifo", "width_converter")


@dataclass(frozen=True, slots=True)
class Stage:
    """A hidden layer of the tail: `matvec` gives what `threshold` counts."""

    matvec: Op
    threshold: Op


@dataclass(frozen=True, slots=True)
class Tail:
    """`base`: stream that the first layer takes. `stages`: hidden layers in order. `last`: the layer of the scores."""

    base: str
    stages: tuple[Stage, ...]
    last: Op


def find_tail(dataflow: Dataflow) -> Tail:
    """As many fully connected layers as end the circuit. Raises FlowError where its scores come from none."""
    ops = {op.name: op for op in dataflow.ops}

    def behind(stream: str) -> tuple[str, Op | None]:
        """The stream itself and who gives it, past operators that change no value."""
        op = ops.get(stream)
        while op is not None and op.kind in TRANSPARENT:
            stream = dataflow.sources[op.name][0]
            op = ops.get(stream)
        return stream, op

    last = dataflow.ops[-1]
    if last.kind == "argmax":
        _, last = behind(dataflow.sources[last.name][0])
    if last is None or last.kind != "matvec" or last.shape:
        raise FlowError("certify: expected scores from a fully connected layer; certify a network that ends in one")
    stages: list[Stage] = []
    base, giver = behind(dataflow.sources[last.name][0])
    while giver is not None and giver.kind == "threshold":
        _, unit = behind(dataflow.sources[giver.name][0])
        if unit is None or unit.kind != "matvec" or unit.shape:
            break
        stages.insert(0, Stage(unit, giver))
        base, giver = behind(dataflow.sources[unit.name][0])
    return Tail(base, tuple(stages), last)
