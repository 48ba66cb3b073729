"""Other precisions and several processes, on the CPU; a GPU needs no other code but the device's name."""

from __future__ import annotations

import json
import sys
from queue import SimpleQueue

import pytest
import torch

from brevitas_models.compute import Compute, Device, Precision
from brevitas_models.config import Activation, QuantConfig
from brevitas_models.deploy import deploy
from brevitas_models.errors import ModelError
from brevitas_models.resume import METRICS
from brevitas_models.train import accuracy, train

DEFENCES = {"lipschitz_beta": 1e-3, "adversarial": 0.5, "steps": 2}


@pytest.fixture(autouse=True)
def fabric():
    pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed")


def test_two_processes_learn_the_digits_together(digits, config, tmp_path, state_of) -> None:
    recipe, two = config(epochs=6, learning_rate=6e-3), Compute(devices=2)
    seen: list[int] = []
    network = train(recipe, digits, tmp_path, lambda epoch, line: seen.append(epoch), two)
    assert seen == list(range(6)) and not network.training
    assert accuracy(deploy(network), digits.test_x, digits.test_y) > 0.8
    first = state_of(network)
    again = state_of(train(recipe, digits, tmp_path, lambda epoch, line: seen.append(epoch), two))
    assert seen == 2 * list(range(6)) and all((first[name] == again[name]).all() for name in first)
    with pytest.raises(ModelError, match="belongs to another configuration"):
        train(recipe, digits, tmp_path)


@pytest.mark.parametrize("activation", [Activation.DQA_DYNAMIC, Activation.RELU])
def test_bfloat16_learns_and_leaves_the_quantizers_in_float32(activation, digits, config, tmp_path) -> None:
    recipe = config(epochs=5, learning_rate=6e-3, quant=QuantConfig(activation=activation))
    network = train(recipe, digits, tmp_path / "half", compute=Compute(precision=Precision.BFLOAT16))
    assert all(tensor.dtype != torch.bfloat16 for tensor in network.state_dict().values())
    shipped = deploy(network)
    right = accuracy(network, digits.test_x, digits.test_y)
    assert abs(accuracy(shipped, digits.test_x, digits.test_y) - right) <= 2 / len(digits.test_y)
    whole = train(recipe, digits, tmp_path / "whole")
    assert right > accuracy(whole, digits.test_x, digits.test_y) - 0.05
    lines = [json.loads((tmp_path / name / METRICS).read_text().splitlines()[0]) for name in ("half", "whole")]
    assert lines[0]["loss"] != lines[1]["loss"]  # it did compute in another precision
    assert lines[0]["loss"] == pytest.approx(lines[1]["loss"], rel=0.1)


@pytest.mark.parametrize("defence", [{"jacobian": 0.1}, {"interval": 0.5}, {"adversarial": 0.5, "objective": "trades"}])
def test_every_defence_computes_in_bfloat16(defence, small, config, tmp_path) -> None:
    recipe = config(epochs=1, defence=defence)
    lines: list[dict[str, object]] = []
    train(recipe, small, tmp_path, lambda epoch, line: lines.append(line), Compute(precision=Precision.BFLOAT16))
    assert lines[0]["loss"] > 0


def test_a_batch_has_to_be_divisible(small, config, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"^train.batch: expected a multiple of the 3 processes, got 50$"):
        train(config(epochs=1), small, tmp_path, compute=Compute(devices=3))


def test_a_process_tells_what_went_wrong() -> None:
    from lightning_fabric import Fabric

    from brevitas_models.fabric import Job

    def work(team, figure: float, progress) -> None:
        progress(0, {"rank": team.rank})
        raise ModelError(f"expected a finite loss, got {figure}")

    lines: SimpleQueue = SimpleQueue()
    fabric = Fabric(accelerator="cpu", devices=1)
    assert Job(work, (1.5,)).apart(fabric, lines) == "expected a finite loss, got 1.5"
    assert lines.get() == (0, {"rank": 0}) and lines.empty()


def test_a_gpu_that_is_not_there(small, config, tmp_path) -> None:
    if torch.cuda.is_available():
        pytest.skip("here is a GPU")
    with pytest.raises(ModelError, match="device: expected 1 CUDA devices, torch .* sees 0; train on cpu, or install"):
        train(config(epochs=1), small, tmp_path, compute=Compute(Device.CUDA))
    assert Compute(Device.AUTO).resolved() == Compute()


def test_the_missing_package_is_named(small, config, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.delitem(sys.modules, "brevitas_models.fabric", raising=False)
    with pytest.raises(ModelError, match="expected the package lightning-fabric, got: .*; run pip install"):
        train(config(epochs=1), small, tmp_path, compute=Compute(precision=Precision.BFLOAT16))
    train(config(epochs=1), small, tmp_path)  # the ordinary way does without


def test_a_gpu_computes_as_the_cpu(small, config, tmp_path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    recipe = config(epochs=1, quant=QuantConfig(activation=Activation.DQA_DYNAMIC), defence=DEFENCES)
    lines: list[dict[str, object]] = []
    for device in (Device.CPU, Device.CUDA):
        train(recipe, small, tmp_path / device, lambda epoch, line: lines.append(line), Compute(device))
    assert lines[1]["loss"] == pytest.approx(lines[0]["loss"], rel=0.05)
