"""`vote`: the exact weighted sum of up to eight members, whatever their types and whoever comes last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.threshold.threshold import Threshold
from hw.ops.vote.vote import Vote
from tests.hw.ops.conftest import check, random_codes

INT6 = IntType.parse("INT6")
NAMES = ("BIPOLAR", "UINT1", "INT1", "INT7", "UINT8", "INT20", "UINT3")


def make(shape, names, parallel: int, gains=None) -> Vote:
    return Vote("vote0", shape, tuple(map(IntType.parse, names)), parallel, gains)


def ensemble(op: Vote, seed: int) -> Dataflow:
    """Members are random staircases of one input, from the lowest to the highest value of their type."""
    rng = np.random.default_rng(seed)
    fork = Fork("fork0", op.shape, INT6, op.parallel, len(op.dtypes))
    ops, sources, ends = [fork], {"fork0": ("input",)}, []
    for i, dtype in enumerate(op.dtypes):
        span = dtype.max - dtype.min
        count = 1 if dtype.bipolar else min(5, span)
        table = np.sort(rng.integers(INT6.min, INT6.max, (op.shape[-1], count), endpoint=True), axis=1)
        member = Threshold(f"m{i}", op.shape, INT6, table, dtype, op.parallel, dtype.min, span // count)
        fifo = Fifo(f"fifo{i}", op.shape, dtype, op.parallel, 6)
        ops += [member, fifo]
        sources |= {member.name: (f"fork0.{i}",), fifo.name: (member.name,)}
        ends.append(fifo.name)
    return Dataflow("ensemble", (*ops, op), sources | {"vote0": tuple(ends)})


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(7))
def test_circuit(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    parallel, members = int(rng.integers(1, 4)), seed + 2
    shape = (parallel * 3,) if seed % 2 else (2, 2, parallel * 2)
    names = rng.choice(NAMES, members)
    gains = None if seed == 0 else tuple(int(g) for g in rng.integers(-300, 300, members))
    check(ensemble(make(shape, names, parallel, gains), seed), tmp_path)


@pytest.mark.sim
def test_extreme_gains(tmp_path: Path) -> None:
    gains = (1 << 29, -(1 << 29), 0, (1 << 29) - 1)
    check(ensemble(make((4,), ("BIPOLAR", "INT7", "UINT8", "UINT1"), 2, gains), 3), tmp_path)


def test_golden_is_the_formula() -> None:
    op = make((3, 2, 2), ("INT7", "BIPOLAR", "UINT3"), 2, (3, -5, 7))
    a, b, c = (random_codes(stream, 4, seed) for seed, stream in enumerate(op.inputs))
    for place in np.ndindex(a.shape):
        assert op.golden(a, b, c)[place] == 3 * a[place] - 5 * b[place] + 7 * c[place]
    assert op.output.dtype == IntType.holding(3 * -64 - 5, 3 * 63 + 5 + 49)


def test_record(tmp_path: Path) -> None:
    op = make((6,), ("INT7", "BIPOLAR", "UINT3"), 2, (3, -5, 7))
    dataflow = ensemble(op, 0)
    dataflow.save(tmp_path)
    assert Dataflow.load(tmp_path) == dataflow


@pytest.mark.parametrize(
    ("names", "gains", "message"),
    [
        (("INT4",), None, "vote0: expected 2 to 8 inputs, got 1"),
        (("INT4",) * 9, None, "vote0: expected 2 to 8 inputs, got 9"),
        (("INT4", "INT4"), (1,), r"vote0: expected 2 integer gains within -2\*\*29..2\*\*29, got \(1,\)"),
        (("INT4", "INT4"), (1, 0.5), "expected 2 integer gains"),
        (("INT4", "INT4"), (1, (1 << 29) + 1), "expected 2 integer gains"),
        (("INT40", "INT4"), (1 << 20, 1), "vote0: expected sums of at most 48 bits"),
    ],
)
def test_refuses(names, gains, message) -> None:
    with pytest.raises(HardwareError, match=message):
        make((4,), names, 1, gains)
