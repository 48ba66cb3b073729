"""What verify gathers: the trained network's scores come in the circuit's steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.compile.compiler import compile_model
from flows.errors import FlowError
from flows.stages.verify import gather
from flows.verify.reference import run_reference
from tests.flows.compile.agree import CONFIG
from tests.flows.compile.qonnx_networks import lenet


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, float]:
    """A run's files, its true scores and their unit; the network that was trained counts in halves of it."""
    folder = tmp_path_factory.mktemp("run")
    for stage in ("export", "attack", "compile"):
        (folder / stage).mkdir()
    model = lenet(folder / "export" / "model.onnx", seed=1)
    compile_model(model, folder / "compile", CONFIG)
    record = json.loads((folder / "compile" / "compile.json").read_text())
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    scores, _ = run_reference(model, images, record)
    np.savez(folder / "export" / "vectors.npz", codes=images, scores=2 * scores)
    np.savez(folder / "attack" / "adversarial.npz", images=images[:1])
    return folder, scores, record["logit_scale"]


def test_scores_in_halves_are_compared_in_wholes(run) -> None:
    folder, scores, unit = run
    (folder / "export" / "export.json").write_text(json.dumps({"logit_scale": unit / 2}))
    evidence = gather(lambda stage, file: folder / stage / file)
    np.testing.assert_array_equal(evidence.brevitas, scores)
    codes = evidence.images.reshape(len(scores), *evidence.dataflow.input.shape)
    np.testing.assert_array_equal(evidence.dataflow.result(evidence.dataflow.golden(codes)).scores, scores)


@pytest.mark.parametrize("record", [{}, {"logit_scale": 0.0}, {"logit_scale": "1"}])
def test_without_a_unit_nothing_is_compared(run, record: dict) -> None:
    folder, _, _ = run
    (folder / "export" / "export.json").write_text(json.dumps(record))
    with pytest.raises(FlowError, match="expected a positive logit_scale, got .*; run again with --from export"):
        gather(lambda stage, file: folder / stage / file)
