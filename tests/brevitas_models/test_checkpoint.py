from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from brevitas_models.checkpoint import fill, load_network, read_tensors, save_network, write_tensors
from brevitas_models.config import Activation, NetworkConfig, QuantConfig, Scale
from brevitas_models.deploy import deploy
from brevitas_models.errors import ModelError
from brevitas_models.networks import build
from brevitas_models.quantizers.stochastic import silenced

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("scale", Scale)
def test_a_network_comes_back_whole(activation, scale, lenet, digits, settle, state_of, tmp_path: Path) -> None:
    quant = QuantConfig(activation=activation, weight_bits=(4, 1, 8, 2), activation_bits=(1, 2, 3), scale=scale)
    network = settle(build(lenet, quant, SHAPE, 10), digits)
    save_network(network, tmp_path / "net.safetensors")
    back = load_network(tmp_path / "net.safetensors", expect=(lenet, quant))
    before, after = state_of(network), state_of(back)
    assert before.keys() == after.keys() and all(np.array_equal(before[k], after[k]) for k in before)
    x = torch.from_numpy(digits.test_x[:50]).float() / 255
    with torch.no_grad(), silenced(network), silenced(back):
        assert torch.equal(network(x), back(x))
    assert not back.training and back.recipe == network.recipe
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_another_architecture_is_refused(lenet: NetworkConfig, mlp: NetworkConfig, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(build(lenet, QuantConfig(), SHAPE, 10), path)
    for expect in ((mlp, QuantConfig()), (lenet, QuantConfig(weight_bits=3))):
        with pytest.raises(ModelError, match="train again or change the config"):
            load_network(path, expect=expect)


@pytest.mark.parametrize("cut", [0, 5, 200, -1])
def test_a_cut_file_is_refused(cut: int, mlp: NetworkConfig, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(build(mlp, QuantConfig(), SHAPE, 10), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match="expected a checkpoint of this project, got .*; train again"):
        load_network(path)


def test_foreign_files_are_refused(mlp: NetworkConfig, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with pytest.raises(ModelError, match="expected a checkpoint of this project"):
        load_network(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="expected a checkpoint of this project, got KeyError"):
        load_network(path)
    write_tensors(path, {}, {"format": 99})
    with pytest.raises(ModelError, match="expected format 1, got 99; train again"):
        load_network(path)
    write_tensors(path, {}, {"format": 1, "network": {"depth": 3}})
    with pytest.raises(ModelError, match="expected the description of a network"):
        load_network(path)


def test_tensors_that_do_not_fit_are_named(mlp: NetworkConfig, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    network = build(mlp, QuantConfig(), SHAPE, 10)
    save_network(network, path)
    _, record = read_tensors(path)
    tensors = load_file(path)
    write_tensors(path, {**tensors, "last.weight": torch.zeros(3, 3)}, record)
    with pytest.raises(ModelError, match=r"last.weight: expected torch.float32 \(10, 12\), got torch.float32 \(3, 3\)"):
        load_network(path)
    tensors.pop("last.weight")
    with pytest.raises(ModelError, match="these differ: last.weight"):
        fill(network, tensors, "here")


def test_a_deployed_network_is_not_saved(mlp: NetworkConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="got a deployed one"):
        save_network(deploy(build(mlp, QuantConfig(), SHAPE, 10)), tmp_path / "net.safetensors")


def test_the_record_is_json(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x", {"t": torch.arange(3)}, {"format": 1, "a": [1, "b"]})
    tensors, record = read_tensors(tmp_path / "x")
    assert tensors["t"].tolist() == [0, 1, 2] and json.dumps(record) == '{"format": 1, "a": [1, "b"]}'
