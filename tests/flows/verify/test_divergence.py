"""The hunt for the first operator that differs finds the planted one, whatever its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.verify.divergence import differing_images, first_in_circuit, locate
from hw.dataflow import Dataflow, op_class
from hw.inttype import IntType
from tests.hw.small_graph import residual


def chain() -> Dataflow:
    """(4, 4, 2) UINT4 through pad, fifo, maxpool, fifo, threshold."""
    dtype = IntType(4, False)
    thresholds = np.array([[3, 7, 11], [2, 6, 10]])
    ops = (
        op_class("pad")("pad0", (4, 4, 2), dtype, 1, (1, 1, 1, 1), 0),
        op_class("fifo")("fifo0", (6, 6, 2), dtype, 1, 2),
        op_class("maxpool")("pool0", (6, 6, 2), dtype, 1, 2),
        op_class("fifo")("fifo1", (3, 3, 2), dtype, 1, 2),
        op_class("threshold")("act0", (3, 3, 2), dtype, thresholds, IntType(2, False), 1),
    )
    return Dataflow("chain", ops)


def faulty(*names: str):
    """Simulates cuts with the golden models; the last element of these operators' outputs is wrong."""

    def simulate(part: Dataflow, folder: Path):
        broken = Dataflow(part.name, tuple(Broken(op) if op.name in names else op for op in part.ops), part.sources)
        return broken.golden

    return simulate


class Broken:
    """An operator whose last value is one off."""

    def __init__(self, op) -> None:
        self._op = op

    def __getattr__(self, name: str):
        return getattr(self._op, name)

    def golden(self, *values: np.ndarray) -> np.ndarray:
        result = self._op.golden(*values)
        *others, last = result if isinstance(result, tuple) else (result,)
        last = last.copy()
        last[0, -1, -1, -1] += 1
        return (*others, last) if others else last


@pytest.mark.parametrize("index", range(4))
def test_the_first_faulty_operator_is_named(index: int, tmp_path: Path) -> None:
    dataflow = chain()
    codes = np.random.default_rng(0).integers(0, 15, (1, 4, 4, 2))
    found = first_in_circuit(dataflow, codes, tmp_path, faulty(dataflow.ops[index].name))
    last = dataflow.ops[index].output.shape
    assert found["operator"] == dataflow.ops[index].name
    assert found["pixel"] == [last[0] - 1, last[1] - 1] and found["channel"] == last[2] - 1
    assert found["got"] == found["expected"] + 1


@pytest.mark.parametrize(
    ("faults", "first"),
    [
        (("act0", "fifo0"), "fifo0"),
        (("sum0", "conv0", "label"), "conv0"),
        (("skip", "sum0"), "skip"),
        (("wait0", "skip", "fc0"), "skip"),
        (("wait0", "act0"), "act0"),
        (("conv0", "fork0"), "fork0"),
    ],
)
def test_the_earliest_of_several_faults_is_named(faults: tuple[str, ...], first: str, tmp_path: Path) -> None:
    dataflow = chain() if "fifo0" in faults else residual()
    codes = np.random.default_rng(0).integers(0, 8, (1, *dataflow.input.shape))
    assert first_in_circuit(dataflow, codes, tmp_path, faulty(*faults))["operator"] == first


def test_a_fault_that_a_later_threshold_hides_is_found(tmp_path: Path) -> None:
    """One more in `fifo1` moves no count of the thresholds behind it, so every longer circuit looks right."""
    dataflow = chain()
    codes = np.zeros((1, 4, 4, 2), np.int64)
    assert np.array_equal(faulty("fifo1")(dataflow, tmp_path)(codes), dataflow.golden(codes))
    assert first_in_circuit(dataflow, codes, tmp_path, faulty("fifo1"))["operator"] == "fifo1"


def test_operators_that_carry_values_vouch_for_those_before(tmp_path: Path) -> None:
    built = []

    def simulate(part: Dataflow, folder: Path):
        built.append(part.ops[-1].name)
        return part.golden

    assert first_in_circuit(chain(), np.zeros((1, 4, 4, 2), np.int64), tmp_path, simulate) is None
    assert built == ["fifo0", "fifo1", "act0"]


def test_no_fault_gives_no_divergence(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 15, (1, 4, 4, 2))
    assert first_in_circuit(chain(), codes, tmp_path, faulty()) is None


def test_locate_and_differing_images() -> None:
    expected = np.zeros((3, 2, 2), dtype=np.int64)
    got = expected.copy()
    got[1, 0, 1] = 7
    assert list(differing_images(expected, got)) == [False, True, False]
    record = locate("act0", expected, got)
    assert (record["image"], record["pixel"], record["channel"], record["got"]) == (1, [0], 1, 7)
    with pytest.raises(ValueError, match="expected values of shape"):
        differing_images(expected, got[:, :1])


def test_operators_are_frozen() -> None:
    act = chain().ops[-1]
    assert replace(act, name="other").name == "other" and act.name == "act0"
