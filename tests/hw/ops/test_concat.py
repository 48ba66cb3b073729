"""`concat`: the channels of every pixel in order, whatever the number of beats of each input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.concat.concat import Concat
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from tests.hw.ops.conftest import check

INT4, INT8 = IntType.parse("INT4"), IntType.parse("INT8")


def projections(channels: tuple[int, ...], parallel: int, shape: tuple[int, ...]) -> Dataflow:
    """Random projections of a stream of 4 channels, one of `channels[i]` each, joined."""
    rng = np.random.default_rng(len(channels))
    ops, sources, ends = [Fork("fork0", (*shape, 4), INT4, 4, len(channels))], {"fork0": ("input",)}, []
    for i, count in enumerate(channels):
        conv = MatVec(f"conv{i}", shape, rng.integers(-8, 8, (count, 4)), INT4, INT4, parallel, 4)
        table = np.sort(rng.integers(conv.output.dtype.min, conv.output.dtype.max, (count, 7)), axis=1)
        act = Threshold(f"act{i}", conv.output.shape, conv.output.dtype, table, INT8, parallel, -3)
        fifo = Fifo(f"fifo{i}", act.output.shape, INT8, parallel, 2 * sum(channels) // parallel + 2)
        ops += [conv, act, fifo]
        sources |= {conv.name: (f"fork0.{i}",), act.name: (conv.name,), fifo.name: (act.name,)}
        ends.append(fifo.name)
    ops.append(Concat("concat0", shape, channels, INT8, parallel))
    return Dataflow("projections", tuple(ops), sources | {"concat0": tuple(ends)})


@pytest.mark.sim
@pytest.mark.parametrize(
    ("channels", "parallel", "shape"),
    [((4, 2), 2, (2, 3)), ((1, 3, 2), 1, ()), ((6, 3, 3, 9, 3), 3, (2, 2)), ((2, 2, 2, 2, 2, 2, 2, 4), 2, (1, 2))],
)
def test_circuit_equals_golden(tmp_path: Path, channels: tuple[int, ...], parallel: int, shape) -> None:
    check(projections(channels, parallel, shape), tmp_path)


def test_golden_is_the_formula() -> None:
    op = Concat("concat0", (2, 3), (1, 4, 2), INT4, 1)
    parts = [np.random.default_rng(i).integers(-8, 8, (5, 2, 3, c)) for i, c in enumerate(op.channels)]
    out = op.golden(*parts)
    assert out.shape == (5, *op.output.shape)
    for i, start in enumerate((0, 1, 5)):
        assert np.array_equal(out[..., start : start + op.channels[i]], parts[i])


def test_record_round_trip() -> None:
    op = Concat("concat0", (2, 3), (1, 4, 2), INT4, 1)
    assert Concat.from_record("concat0", *op.to_record()) == op


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"channels": (4,)}, "concat0: expected 2 to 8 inputs, got 1"),
        ({"channels": (2,) * 9}, "concat0: expected 2 to 8 inputs, got 9"),
        ({"channels": (4, 3)}, "expected elements per beat to divide 3, got 2"),
        ({"shape": (4,)}, r"concat0: expected pixels of shape \(\) or \(H, W\), got \(4,\)"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    good = {"shape": (2, 2), "channels": (4, 2), "dtype": INT4, "parallel": 2}
    Concat("concat0", **good)
    with pytest.raises(HardwareError, match=text):
        Concat("concat0", **good | change)
