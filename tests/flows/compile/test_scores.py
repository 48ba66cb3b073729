"""Integer scores order the classes exactly as the logits do, whatever the bias."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.compile.read.scores import MAX_SCORE_SHIFT, integer_bias
from tests.flows.compile.agree import agree
from tests.flows.compile.qonnx_networks import NetworkWriter

SHAPE = (1, 4, 4)
FRACTIONS = st.fractions(min_value=-9, max_value=9, max_denominator=10**6)


@given(st.lists(FRACTIONS, min_size=2, max_size=6), st.lists(st.integers(-40, 40), min_size=6, max_size=6))
def test_scores_sort_as_logits(ratios: list[Fraction], sums: list[int]) -> None:
    unit = Fraction(3, 7)
    bias, shift, scale, offset = integer_bias(ratios, unit)
    logits = [unit * (total + ratio) for total, ratio in zip(sums, ratios, strict=False)]
    scores = [(total << shift) + b for total, b in zip(sums, bias, strict=False)]
    assert [scale * score + o for score, o in zip(scores, offset, strict=True)] == logits
    for i, a in enumerate(logits):
        for j, b in enumerate(logits):
            assert (a > b) == (scores[i] > scores[j]) and (a == b) == (scores[i] == scores[j])


def test_a_bias_on_the_grid_needs_no_offset() -> None:
    bias, shift, scale, offset = integer_bias([Fraction(1, 2), Fraction(-3, 4)], Fraction(1))
    assert (bias, shift, scale, offset) == ([2, -3], 2, Fraction(1, 4), [0, 0])


def test_one_bias_for_all_is_left_to_the_host() -> None:
    bias, shift, _, offset = integer_bias([Fraction(1, 3)] * 3, Fraction(2))
    assert bias == [0, 0, 0] and shift == 0 and offset == [Fraction(2, 3)] * 3


def test_fractions_too_close_for_the_shift_are_ranked() -> None:
    ratios = [Fraction(0), Fraction(1, 3), Fraction(1, 3) + Fraction(1, 10**9)]
    bias, shift, _, _ = integer_bias(ratios, Fraction(1))
    assert shift == MAX_SCORE_SHIFT and bias == [0, 1, 2]


def last_layer(path: Path, build) -> Path:
    net = NetworkWriter(SHAPE, 1)
    net.node("Mul", net.number(2.0**-8))
    net.flatten()
    net.linear(8, 3)
    net.relu(2, 0.5)
    net.linear(4, 3)
    build(net)
    return net.save(path, SHAPE)


def test_a_bias_per_class_keeps_the_label(tmp_path: Path) -> None:
    path = last_layer(tmp_path / "m.onnx", lambda net: net.node("Add", net.number([0.1, -0.2, 0.3, 0.05])))
    dataflow, record = agree(path, SHAPE)
    assert record["scores_order_classes"] and len(record["logit_offset"]) == 4 and "logit_offset" in record["host"]
    assert dataflow.ops[-1].kind == "argmax"


def branches(path: Path, scales: list[float], bias: list[float]) -> Path:
    """Three layers on the same codes, whose sums are scaled and added up, and a bias per class."""

    def build(net: NetworkWriter) -> None:
        taken, parts = net.nodes[-1].input[0], []
        net.nodes.pop()
        for scale in scales:
            net.tensor, net.shape = taken, (8,)
            net.linear(4, 3)
            net.node("Mul", net.number(scale))
            parts.append(net.tensor)
        for part in parts[:-1]:
            net.node("Add", part)
        net.node("Add", net.number(bias))

    return last_layer(path, build)


@pytest.mark.parametrize("scales", [[1.0, 1.0, 1.0], [0.25, 2.0, 0.5], [4.0, 1.0, 0.5]])
def test_a_bias_behind_branches_that_meet_goes_into_a_layer_of_one_of_them(tmp_path: Path, scales: list[float]) -> None:
    dataflow, record = agree(branches(tmp_path / "m.onnx", scales, [0.5, -2.01171875, 0.0, 7.0]), SHAPE)
    assert record["scores_order_classes"] and record["logit_offset"] == 0
    assert dataflow.ops[-1].kind == "argmax"
    biased = [op for op in dataflow.ops if op.kind == "matvec" and np.any(op.bias)]
    assert len(biased) == 1 and biased[0].shift > 0


def test_a_bias_that_no_branch_can_take_is_told_to_the_host(tmp_path: Path) -> None:
    _, record = agree(branches(tmp_path / "m.onnx", [0.75, 1.25], [0.5, -2.01171875, 0.0, 7.0]), SHAPE)
    assert not record["scores_order_classes"] and "no layer to add it" in record["host"]


def test_a_scale_per_class_is_told_to_the_host_and_the_circuit_gives_no_label(tmp_path: Path) -> None:
    path = last_layer(tmp_path / "m.onnx", lambda net: net.node("Mul", net.number([0.1, 0.2, 0.3, 0.05])))
    dataflow, record = agree(path, SHAPE)
    assert not record["scores_order_classes"] and "the host must compute" in record["host"]
    assert dataflow.ops[-1].kind != "argmax"
    assert np.allclose(record["logit_scale"], np.float64(np.float32([0.1, 0.2, 0.3, 0.05])) * 0.125)


def test_a_softmax_is_left_to_the_host(tmp_path: Path) -> None:
    from flows.compile.read.network import read_network

    path = last_layer(tmp_path / "m.onnx", lambda net: net.node("Softmax", axis=1))
    assert "Softmax behind the logits is left to the host" in read_network(path).scores.note
