from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, QuantConfig
from brevitas_models.defences import lipschitz
from brevitas_models.deploy import deploy
from brevitas_models.errors import ModelError
from brevitas_models.networks import build
from brevitas_models.resume import METRICS, NAME
from brevitas_models.train import accuracy, cosine, make_optimizer, train

EVERYTHING = {
    "defence": {"lipschitz_beta": 1e-3, "adversarial": 0.5, "steps": 2},
    "augment": 1,
    "weight_decay": 1e-4,
}


class Killed(Exception):
    pass


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("activation", [Activation.DQA_DYNAMIC, Activation.RELU])
def test_two_runs_agree_bitwise_and_seeds_differ(activation, small, config, tmp_path, state_of) -> None:
    recipe = config(epochs=2, quant=QuantConfig(activation=activation), **EVERYTHING)
    torch.manual_seed(1)
    first = state_of(train(recipe, small, tmp_path / "a"))
    torch.manual_seed(2)
    generator = torch.get_rng_state()
    assert same(first, state_of(train(recipe, small, tmp_path / "b")))
    assert torch.equal(generator, torch.get_rng_state())
    other = state_of(train(dataclasses.replace(recipe, seed=6), small, tmp_path / "c"))
    assert not same(first, other)


@pytest.mark.parametrize("activation", [Activation.DQA_DYNAMIC, Activation.RELU, Activation.FLOAT])
def test_a_killed_run_ends_as_an_undisturbed_one(activation, small, config, tmp_path, state_of) -> None:
    recipe = config(epochs=4, quant=QuantConfig(activation=activation), **EVERYTHING)
    whole = state_of(train(recipe, small, tmp_path / "whole"))

    def kill(epoch: int, metrics: dict[str, object]) -> None:
        if epoch == 1:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, small, tmp_path / "cut", kill)
    (tmp_path / "cut" / f".{NAME}.partial").write_bytes(b"half a checkpoint of the next epoch")
    seen: list[int] = []
    resumed = train(recipe, small, tmp_path / "cut", lambda epoch, metrics: seen.append(epoch))
    assert same(whole, state_of(resumed)) and seen == [0, 1, 2, 3]

    def lines(name: str) -> list[dict[str, object]]:
        read = [json.loads(line) for line in (tmp_path / name / METRICS).read_text().splitlines()]
        return [{key: value for key, value in line.items() if key != "seconds"} for line in read]

    assert lines("whole") == lines("cut") and [line["epoch"] for line in lines("cut")] == [0, 1, 2, 3]
    assert not resumed.training


def test_a_finished_run_is_read_back(small, config, tmp_path, state_of) -> None:
    recipe = config(epochs=1)
    first = state_of(train(recipe, small, tmp_path))
    stamp = (tmp_path / NAME).stat().st_mtime_ns
    assert same(first, state_of(train(recipe, small, tmp_path)))
    assert (tmp_path / NAME).stat().st_mtime_ns == stamp


def test_another_configuration_or_data_set_is_not_continued(small, digits, config, tmp_path) -> None:
    train(config(epochs=1), small, tmp_path)
    for recipe, split in ((config(epochs=2), small), (config(epochs=1), digits)):
        with pytest.raises(ModelError, match="belongs to another configuration or data set; remove it"):
            train(recipe, split, tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 1000])
def test_a_cut_checkpoint_is_refused(keep: int, small, config, tmp_path: Path) -> None:
    train(config(epochs=1), small, tmp_path)
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:keep])
    with pytest.raises(ModelError, match="expected a checkpoint of this project"):
        train(config(epochs=1), small, tmp_path)


def test_divergence_is_reported(small, config, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(lipschitz, "penalty", lambda network, beta: beta * network.last.weight.sum() * torch.inf)
    recipe = config(defence={"lipschitz_beta": 0.5}, learning_rate=0.25)
    with pytest.raises(ModelError, match=r"expected a finite loss, got .* in epoch 0; lower .* \(0.25\) or .* \(0.5\)"):
        train(recipe, small, tmp_path)
    assert not (tmp_path / NAME).exists()


def test_thresholds_learn_and_stay_sorted(small, config, tmp_path) -> None:
    network = train(config(epochs=6, quant=QuantConfig(activation_bits=3), learning_rate=1e-2), small, tmp_path)
    for layer in network.layers:
        thresholds = layer.activation.thresholds.detach()
        assert (thresholds.diff() > 0).all()
        start = type(layer.activation)(3, network.recipe[1].scale, True).thresholds.detach()
        assert (thresholds - start).abs().max() > 0.01


def test_the_regularizer_acts(small, config, mlp, tmp_path) -> None:
    penalties = {}
    for beta in (1e-8, 0.1):
        quant = QuantConfig(weight_bits=8)
        recipe = config(mlp, epochs=15, learning_rate=1e-2, quant=quant, defence={"lipschitz_beta": beta})
        penalties[beta] = lipschitz.penalty(train(recipe, small, tmp_path / str(beta)), 1.0).item()
    assert penalties[0.1] < 0.5 * penalties[1e-8]


def test_digits_are_learned_and_deploying_keeps_the_accuracy(digits, config, tmp_path) -> None:
    network = train(config(epochs=8, learning_rate=6e-3), digits, tmp_path)
    trained = accuracy(network, digits.test_x, digits.test_y)
    shipped = accuracy(deploy(network), digits.test_x, digits.test_y)
    assert trained > 0.9 and abs(trained - shipped) <= 2 / len(digits.test_y)


def test_weight_decay_spares_thresholds_and_norms(config, small) -> None:
    recipe = config(weight_decay=0.1)
    network = build(recipe.network, recipe.quant, small.input_shape, 10)
    decayed, spared = make_optimizer(network, recipe.train).param_groups
    assert decayed["weight_decay"] == 0.1 and spared["weight_decay"] == 0
    assert [id(p) for p in decayed["params"]] == [id(linear.weight) for linear in network.linears]
    assert len(decayed["params"]) + len(spared["params"]) == len(list(network.parameters()))


def test_cosine() -> None:
    assert [cosine(0, 4), round(cosine(2, 4), 12), round(cosine(4, 4), 12)] == [1, 0.5, 0]
