"""What is recorded of noise and thresholds inside a network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.networks.build import build
from flows.attack.layer_record import layer_record
from flows.targets.torch_target import TorchTarget

SMALL = NetworkConfig(channels=(3, 4), kernel=3, padding=1, pools=(2, 1), hidden=(8,))


def target(activation: Activation) -> TorchTarget:
    torch.manual_seed(1)
    network = build(SMALL, QuantConfig(activation, 4, 2), (1, 8, 8), 10)
    return TorchTarget(network, None)


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (6, 1, 8, 8)).astype(np.uint8)
    return clean, np.clip(clean + rng.choice([-20, 20], clean.shape), 0, 255).astype(np.uint8)


def test_the_record_of_a_dqa_network(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    record = layer_record(target(Activation.DQA_DYNAMIC), *pictures, 20 / 255, 0)
    assert json.loads(json.dumps(record)) == record
    assert record["blocks"] == ["input", "block 0", "block 1", "block 2", "logits"]
    assert len(record["adversarial"]) == len(record["noise"]) == 5 == len(record["factors"]) + 1
    assert record["product"] == pytest.approx(np.prod(record["factors"]))
    assert len(record["thresholds"]) == 3
    for layer in record["thresholds"]:  # untrained: where the fixed ones are
        assert np.allclose(layer["learned"], layer["fixed"], atol=1e-6)
    assert record["noise"][0] < record["adversarial"][0]  # every pixel by all of the budget


def test_other_quantizers_have_no_thresholds_and_others_no_record(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    assert layer_record(target(Activation.RELU), *pictures, 0.1, 0)["thresholds"] == []
    foreign = TorchTarget(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)), None)
    assert layer_record(foreign, *pictures, 0.1, 0) is None
