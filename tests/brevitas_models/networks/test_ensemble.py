from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from brevitas_models.checkpoint import load_network, save_network
from brevitas_models.config import Activation, Answer, QuantConfig
from brevitas_models.defences.adversarial import perturb
from brevitas_models.deploy import deploy, noise_spread
from brevitas_models.errors import ModelError
from brevitas_models.export import export, logit_scale, logits_and_scores
from brevitas_models.networks import build
from brevitas_models.quantizers.stochastic import drawn_from, silenced, stochastic_quantizers
from brevitas_models.train import train

MEMBERS = (2, 3)
QUANT = QuantConfig(activation=Activation.SQ, members=MEMBERS)


def ensemble(network, split, settle, quant: QuantConfig = QUANT):
    torch.manual_seed(3)
    return settle(build(network, quant, split.input_shape, split.classes), split)


def counting(seed: int):
    """A generator that is none: multiples of an odd number, from a start of its own."""
    state = [seed]

    def draw(count: int, bits: int) -> np.ndarray:
        first = state[0]
        state[0] += count
        return (first + np.arange(count)) * 2654435761 % 2**32 >> 32 - bits

    return draw


def test_members_have_their_bits_and_their_logits_are_added(lenet, digits, settle) -> None:
    network = ensemble(lenet, digits, settle)
    assert [layer.activation.quantizer.bits for layer in network.layers] == [2, 2, 2, 3, 3, 3]
    pixels = torch.from_numpy(digits.test_x[:5]).float() / 255
    with silenced(network):
        answers = network.answers(pixels)
        assert torch.equal(network(pixels), answers[0] + answers[1])
        network.answer = Answer.RANDOM
        torch.manual_seed(0)
        drawn = [network(pixels) for _ in range(20)]
    rows = {tuple(int(torch.equal(row, answers[1][i])) for i, row in enumerate(one)) for one in drawn}
    assert len(rows) > 5 and all(torch.equal(r, answers[0][0]) or torch.equal(r, answers[1][0]) for r, *_ in drawn)


def test_training_repeats_and_every_member_learns(small, config, mlp, tmp_path, state_of) -> None:
    defence = {"diversity": 0.5, "adversarial": 0.5, "epsilon": 0.02, "steps": 1, "lipschitz_beta": 1e-4}
    recipe = config(mlp, epochs=10, quant=QUANT, defence=defence, learning_rate=2e-2)
    lines = []
    first = train(recipe, small, tmp_path / "a", lambda epoch, line: lines.append(line))
    second = train(recipe, small, tmp_path / "b")
    a, b = state_of(first), state_of(second)
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert lines[-1]["penalty"] > 0 and lines[-1]["train_accuracy"] > 0.5
    before = build(recipe.network, recipe.quant, small.input_shape, small.classes)
    pixels = torch.from_numpy(small.test_x).float() / 255
    for trained, fresh in zip(first.answers(pixels), before.eval().answers(pixels), strict=True):
        right = [(logits.argmax(1).numpy() == small.test_y).mean() for logits in (trained, fresh)]
        assert right[0] > right[1] + 0.2
    worse = perturb(first, torch.from_numpy(small.test_x[:4]).float(), torch.from_numpy(small.test_y[:4]),
                    recipe.defence, torch.Generator().manual_seed(0))  # fmt: skip
    assert (worse - torch.from_numpy(small.test_x[:4]).float()).abs().max() <= 5


def test_a_checkpoint_brings_the_members_back(lenet, digits, settle, state_of, tmp_path) -> None:
    network = ensemble(lenet, digits, settle)
    save_network(network, tmp_path / "net.safetensors")
    back = load_network(tmp_path / "net.safetensors", expect=(lenet, QUANT))
    a, b = state_of(network), state_of(back)
    assert a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
    with pytest.raises(ModelError, match="but it holds"):
        load_network(tmp_path / "net.safetensors", expect=(lenet, QuantConfig(activation=Activation.SQ)))


@pytest.mark.parametrize("seed", [0, 5])
def test_the_deployed_ensemble_is_exact_and_its_integer_noise_is_stochastic_rounding(
    lenet, digits, settle, seed
) -> None:
    network = deploy(ensemble(lenet, digits, settle), seed)
    assert network.exact
    noises = [quantizer.noise for quantizer in stochastic_quantizers(network)]
    assert len({noise.seed for noise in noises}) == 6 and noises[0].seed == 4096 * seed
    for layer, noise in zip(network.layers, noises, strict=True):
        # as wide as a step up to half a unit of the sums and the rounding of the factor, but in channels near death
        width, step = noise.spread * noise.gain, layer.activation.levels.step
        alive = width > 0.9 * step
        assert alive.float().mean() > 0.7
        assert ((width - step).abs() <= noise.gain / 2 + 0.02 * step)[alive].all()
    codes = digits.test_x[:40]
    with drawn_from(network, counting):
        logits, scores = logits_and_scores(network, codes)
    with drawn_from(network, counting):
        again = network(torch.from_numpy(codes).float() / 255).detach().numpy()
    assert np.array_equal(scores * logit_scale(network), logits) and np.array_equal(logits, again)
    with silenced(network):
        quiet, _ = logits_and_scores(network, codes)
    assert (quiet != logits).any(axis=1).mean() > 0.9


def test_the_spread_of_a_dead_channel_stays_within_its_sums() -> None:
    factor, bound = torch.tensor([0.0, 1e-9, 0.01, 1.0], dtype=torch.float64), torch.tensor([40, 40, 40, 40])
    assert noise_spread(0.5, factor, 0.5, bound).tolist() == [80, 80, 80, 1]


def test_the_export_rounds_to_nearest_and_tells_of_the_noise(mlp, digits, settle, tmp_path) -> None:
    network = deploy(ensemble(mlp, digits, settle), 2)
    record = export(network, digits.input_shape, tmp_path, digits.test_x[:20], counting)
    assert record["exact"] and record["graph_differs"] == 0 and record["logits_rounded"] == 0
    vectors = np.load(tmp_path / "vectors.npz")
    with drawn_from(network, counting):
        assert np.array_equal(vectors["scores"], logits_and_scores(network, digits.test_x[:20])[1])
    for name, members in (("model", 2), ("member0", 1), ("member1", 1)):
        nodes = [n for n in onnx.load(tmp_path / f"{name}.onnx").graph.node if n.op_type == "MultiThreshold"]
        assert len(nodes) == 2 * members
    last = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[-1].attribute}
    noise = stochastic_quantizers(network)[-1].noise
    assert last["noise_spread"] == noise.spread.tolist() and last["noise_seed"] == noise.seed
    assert np.array_equal(np.float32(last["noise_gain"]), noise.gain.numpy()) and last["noise_bits"] == 8
    assert json.loads((tmp_path / "export.json").read_text())["logit_scale"] == logit_scale(network)


def test_what_has_no_circuit_is_refused(lenet, digits, settle, tmp_path: Path) -> None:
    network = deploy(ensemble(lenet, digits, settle))
    with pytest.raises(ModelError, match="the circuit's generator"):
        export(network, digits.input_shape, tmp_path, digits.test_x[:2])
    network.answer = Answer.RANDOM
    with pytest.raises(ModelError, match=r"quant\.answer = sum"):
        export(network, digits.input_shape, tmp_path, digits.test_x[:2], counting)


@pytest.mark.parametrize(
    ("quant", "defence", "text"),
    [
        ({"members": (2, 3)}, {"jacobian": 0.1}, "without jacobian"),
        ({"activation": Activation.SQ}, {"interval": 0.5}, "no fixed steps to bound"),
        ({}, {"diversity": 1.0}, r"quant\.members"),
    ],
)
def test_defences_that_do_not_go_together_are_refused(config, quant, defence, text) -> None:
    with pytest.raises(ModelError, match=text):
        config(quant=QuantConfig(**quant), defence=defence)


def test_one_member_is_refused() -> None:
    with pytest.raises(ModelError, match="2 to 8 members"):
        QuantConfig(members=(3,))
