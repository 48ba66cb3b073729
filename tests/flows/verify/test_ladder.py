"""The ladder agrees on a compiled network, and a planted fault in it is counted and named."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flows.compile.compiler import compile_model
from flows.compile.network import Activation, Range
from flows.compile.staircase import Affine, CountThresholds, Staircase
from flows.config import CompileConfig, VerifyConfig
from flows.errors import FlowError
from flows.simulate.build import build
from flows.verify.ladder import Evidence, verify
from flows.verify.reference import excuse, in_steps, run_reference
from flows.verify.rung import select
from hw.dataflow import Dataflow
from hw.inttype import IntType
from tests.flows.compile.qonnx_networks import lenet


@pytest.fixture(scope="module")
def evidence(tmp_path_factory) -> Evidence:
    folder = tmp_path_factory.mktemp("ladder")
    model = lenet(folder / "model.onnx", seed=1)
    dataflow = compile_model(model, folder, CompileConfig(20_000, 25.0, 2))
    record = json.loads((folder / "compile.json").read_text())
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8)).astype(np.uint8)
    scores, _ = run_reference(model, images, record)
    return Evidence(images, 4, scores, model, folder / "finn.onnx", record, dataflow, build(dataflow, folder))


def rungs(evidence: Evidence, tmp_path: Path) -> dict[str, dict]:
    record = verify(evidence, VerifyConfig(qonnx=6, finn=6, golden=0, rtl=0, netlist=0, routed=0), tmp_path)
    return {rung["rung"]: rung for rung in record["rungs"]}


@pytest.mark.parametrize(
    ("scale", "step", "expected"),
    [
        (0.5, 0.5, [[-6, 4]]),
        (0.25, 0.5, [[-3, 2]]),
        (2.0, 0.5, [[-24, 16]]),
        (1 / 3, float(np.float32(2 / 3)), [[-3, 2]]),
    ],
)
def test_scores_in_the_circuits_steps(scale: float, step: float, expected: list) -> None:
    assert in_steps(np.array([[-6, 4]]), scale, step).tolist() == expected


def test_scores_between_the_circuits_steps_are_no_rounding() -> None:
    with pytest.raises(
        FlowError, match="in steps of 0.5 as the circuit's, got others on 2 images; the first is image 1"
    ):
        in_steps(np.array([[4, -2], [4, -1], [3, 0]]), 0.25, 0.5)
    with pytest.raises(FlowError, match="expected units a power of two apart, got 0.75 and 0.5"):
        in_steps(np.array([[4, -2]]), 0.75, 0.5)


@pytest.mark.sim
def test_every_rung_agrees(evidence: Evidence, tmp_path: Path) -> None:
    found = rungs(evidence, tmp_path)
    assert list(found) == ["brevitas", "qonnx", "golden", "finn", "rtl"]
    assert all(rung["mismatches"] == 0 and rung["first_divergence"] is None for rung in found.values())
    assert found["rtl"]["images"] == 12 and found["rtl"]["adversarial"] == 4
    assert found["qonnx"]["images"] == 6 and found["qonnx"]["adversarial"] == 3


def with_op(dataflow: Dataflow, name: str, **changes) -> Dataflow:
    return Dataflow(dataflow.name, tuple(replace(op, **changes) if op.name == name else op for op in dataflow.ops))


@pytest.mark.sim
def test_a_threshold_off_by_one_is_counted_and_named(evidence: Evidence, tmp_path: Path) -> None:
    act = next(op for op in evidence.dataflow.ops if op.name == "act_conv0")
    wrong = with_op(evidence.dataflow, "act_conv0", thresholds=np.asarray(act.thresholds) + 1)
    folder = tmp_path / "wrong"
    folder.mkdir()
    found = rungs(replace(evidence, dataflow=wrong, library=build(wrong, folder)), tmp_path)
    assert found["qonnx"]["mismatches"] > 0 and found["finn"]["mismatches"] > 0
    assert found["qonnx"]["first_divergence"]["operator"] == "act_conv0"
    assert found["finn"]["first_divergence"]["operator"] == "act_conv0"
    assert found["qonnx"]["excused"] == []
    assert found["rtl"]["mismatches"] == 0, "the circuit computes what its own dataflow says"


@pytest.mark.sim
def test_a_score_that_the_trained_network_never_gave_is_named(evidence: Evidence, tmp_path: Path) -> None:
    scores = evidence.brevitas.copy()
    scores[5, 2] += 7
    rung = rungs(replace(evidence, brevitas=scores), tmp_path)["brevitas"]
    expected = int(evidence.brevitas[5, 2])
    assert rung["mismatches"] == 1
    assert rung["first_divergence"] == {
        **{"image": 5, "operator": "scores", "channel": 2, "pixel": []},
        **{"expected": expected, "got": expected + 7, "against": "golden"},
    }


def test_select_takes_half_adversarial_images() -> None:
    assert list(select(10, 4, 0)) == list(range(10))
    assert list(select(10, 4, 4)) == [0, 1, 6, 7]
    assert list(select(10, 1, 6)) == [0, 1, 2, 3, 4, 9]


def one_layer() -> dict[str, Activation]:
    third = Fraction(float(np.float32(1 / 3)))
    stairs = Staircase((Affine((third,)), CountThresholds([[Fraction(1)]])), 0, 1)
    one, sums, codes = (Fraction(1),), Range((0,), (765,)), Range((0,), (1,))
    act = Activation("act_fc0", ("fc0",), (1,), codes, IntType(1, False), "t", stairs, (1,), sums, one, one, "C")
    return {"act_fc0": act}


def test_only_the_references_own_rounding_is_excused() -> None:
    activations = one_layer()
    # 3 * float32(1/3) is a hair above 1: exact arithmetic gives code 1, a reference that says 0 has rounded
    golden = {"act_fc0": np.array([[1]]), "fc0": np.array([[3]])}
    cases = excuse(0, {"act_fc0": np.array([[0]])}, golden, activations)
    assert cases[0]["accumulator"] == 3 and cases[0]["exact"] == 1 and cases[0]["reference"] == 0
    wrong = {"act_fc0": np.array([[0]]), "fc0": np.array([[3]])}
    assert excuse(0, {"act_fc0": np.array([[1]])}, wrong, activations) is None
    assert excuse(0, {"act_fc0": np.array([[1]])}, golden, activations) is None
