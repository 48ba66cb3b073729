"""A run's networks, read back as they were deployed, attacked white-box and replayed on another target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from brevitas_models.checkpoint import save_network
from brevitas_models.deploy import deploy
from brevitas_models.networks import build
from flows.campaign.campaign import run_campaign
from flows.campaign.local_crew import LocalCrew
from flows.campaign.spec import AttackSpec, CampaignSpec, Engine, ImagesSpec, TargetSpec
from flows.campaign.torch_twin import open_twin
from flows.config import dump_toml, load_preset
from flows.errors import FlowError
from flows.stages.networks import recipes
from flows.targets.torch_target import to_pixels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits preset's float and quantized networks, untrained, and random images."""
    folder, config = tmp_path_factory.mktemp("run"), load_preset("digits")
    (folder / "config.toml").write_text(dump_toml(config))
    for name in ("data", "train"):
        (folder / name).mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name in ("float", "quantized"):
            recipe = recipes(config)[name]
            network = build(recipe.network, recipe.quant, (1, 8, 8), 10)
            network.train()(torch.rand(16, 1, 8, 8))
            save_network(network, folder / "train" / f"{name}.safetensors")
    x = np.random.default_rng(1).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    y = open_twin(folder, "quantized").predict(x).argmax(axis=1)
    np.savez(folder / "data" / "test.npz", x=x, y=y)
    return folder


def test_the_twin_is_the_saved_network(run: Path) -> None:
    twin = open_twin(run, "float")
    x = np.random.default_rng(2).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    from brevitas_models.checkpoint import load_network

    with torch.no_grad():
        logits = deploy(load_network(run / "train" / "float.safetensors"))(to_pixels(x)).numpy()
    assert np.array_equal(twin.predict(x).argmax(axis=1), logits.argmax(axis=1)) and twin.logit_scale is None
    assert open_twin(run, "quantized").logit_scale > 0


def test_a_white_box_attack_is_replayed(run: Path, tmp_path: Path) -> None:
    targets = tuple(TargetSpec(name, Engine.TORCH, run=str(run), network=name) for name in ("float", "quantized"))
    parameters = {"steps": 5, "restarts": 1}
    attacks = (
        AttackSpec("pgd", "pgd", ("quantized",), (0.2,), parameters),
        AttackSpec("pgd-replayed", "pgd", ("quantized", "float"), (0.2,), parameters, source="quantized"),
        AttackSpec("pgd-l2", "pgd", ("quantized",), (1.5,), parameters | {"norm": "l2"}, source="quantized"),
        AttackSpec("noise", "uniform", ("quantized",), (0.2,)),
    )
    images = ImagesSpec(str(run / "data" / "test.npz"), 0, 12)
    spec = CampaignSpec("twins", 1, 6, images, targets, attacks)
    record = run_campaign(spec, tmp_path / "out", LocalCrew, 1)
    assert record["failed"] == []
    found = {(row["target"], row["attack"]): row for row in record["attacks"]}
    replayed, pgd = found["quantized", "pgd-replayed"], found["quantized", "pgd"]
    assert pgd["accuracy"] < 1 and pgd["queries"] > replayed["queries"] and replayed["accuracy"] < 1
    assert ("float", "pgd-replayed") in found and found["quantized", "pgd-l2"]["norm"] == "l2"
    assert [(row["target"], row["norm"], row["epsilon"]) for row in record["worst_case"]] == [
        ("float", "linf", 0.2),
        ("quantized", "l2", 1.5),
        ("quantized", "linf", 0.2),
    ]


def test_a_network_that_is_not_there(run: Path, tmp_path: Path) -> None:
    target = TargetSpec("twin", Engine.TORCH, run=str(run), network="defended")
    attack = AttackSpec("noise", "uniform", ("twin",), (0.1,))
    spec = CampaignSpec("x", 1, 6, ImagesSpec(str(run / "data" / "test.npz"), 0, 12), (target,), (attack,))
    with pytest.raises(FlowError, match="target twin: expected train/defended.safetensors in the run"):
        run_campaign(spec, tmp_path, LocalCrew, 1)
