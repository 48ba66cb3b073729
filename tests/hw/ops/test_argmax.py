"""`argmax`: the lowest index wins ties, scores come first, types are wide enough for both."""

from __future__ import annotations

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax


@pytest.mark.sim
@pytest.mark.parametrize(
    ("classes", "dtype", "emit_scores"),
    [(10, "INT12", True), (9, "INT3", True), (5, "UINT2", True), (10, "INT5", False), (2, "UINT4", False)],
)
def test_circuit_equals_golden(exercise, classes, dtype, emit_scores):
    argmax = Argmax("argmax0", classes, IntType.parse(dtype), emit_scores)
    exercise(argmax, frames=40, latency=classes + 1 + emit_scores)


@pytest.mark.parametrize(
    ("classes", "dtype", "emit_scores", "output"),
    [
        (10, "INT12", True, "INT12"),
        (9, "INT3", True, "INT5"),
        (5, "UINT2", True, "UINT3"),
        (10, "INT5", False, "UINT4"),
    ],
)
def test_output_type(classes, dtype, emit_scores, output):
    assert Argmax("argmax0", classes, IntType.parse(dtype), emit_scores).output.dtype.name == output


def test_result_splits_scores_and_label():
    dataflow = Dataflow("last", (Argmax("argmax0", 3, IntType.parse("INT4"), True),))
    scores = np.array([[1, 5, 5], [-8, -8, -8], [0, 1, 2]])
    result = dataflow.result(dataflow.golden(scores))
    np.testing.assert_array_equal(result.scores, scores)
    np.testing.assert_array_equal(result.labels, [1, 0, 2])


def test_record_round_trip():
    argmax = Argmax("argmax0", 10, IntType.parse("INT12"), True)
    assert Argmax.from_record("argmax0", *argmax.to_record()) == argmax


def test_refuses_illegal_parameters():
    with pytest.raises(HardwareError, match="argmax0: expected at least 2 classes, got 1"):
        Argmax("argmax0", 1, IntType.parse("INT4"), True)
    with pytest.raises(HardwareError, match="argmax0: expected scores of a type such as INT8, got BIPOLAR"):
        Argmax("argmax0", 4, IntType.parse("BIPOLAR"), True)
