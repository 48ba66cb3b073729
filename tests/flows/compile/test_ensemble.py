"""An ensemble as Brevitas has it, exported and compiled: the circuit's scores are the trained network's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.deploy import deploy
from brevitas_models.export import export
from brevitas_models.networks import build
from flows.compile.compiler import compile_model
from hw.ops.stochastic_threshold.lfsr import Draws
from tests.flows.compile.agree import CONFIG

SHAPE, CLASSES = (1, 4, 4), 5
IMAGES = np.random.default_rng(2).integers(0, 256, (60, *SHAPE)).astype(np.uint8)


@pytest.mark.parametrize("members", [(2, 3), (2, 3, 4), (4, 1, 2)])
def test_the_members_scores_and_biases_add_up_in_the_circuit(members: tuple[int, ...], tmp_path: Path) -> None:
    torch.manual_seed(sum(members))
    quant = QuantConfig(activation=Activation.SQ, members=members)
    network = build(NetworkConfig(architecture=Architecture.MLP, hidden=(12, 8)), quant, SHAPE, CLASSES)
    for layer in network.layers:
        layer.norm.bias.data.uniform_(-1, 1)
    with torch.no_grad():
        for _ in range(20):
            network.train()(torch.rand(50, *SHAPE))
    deployed = deploy(network.eval(), 1)
    export(deployed, SHAPE, tmp_path, IMAGES, Draws)
    dataflow = compile_model(tmp_path / "model.onnx", tmp_path, CONFIG)
    golden = dataflow.result(dataflow.golden(IMAGES.reshape(60, *dataflow.input.shape))).scores
    trained = np.load(tmp_path / "vectors.npz")["scores"]
    np.testing.assert_array_equal(golden, trained)
    assert len({tuple(row) for row in trained}) > 40
    record = json.loads((tmp_path / "compile.json").read_text())
    assert record["scores_order_classes"] and dataflow.ops[-1].kind == "argmax"
