"""A finished run in small: a circuit of a few operators, its library, and images that it reads right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.campaign.spec import AttackSpec, CampaignSpec, Engine, ImagesSpec, TargetSpec
from flows.simulate import build
from flows.targets.onnx_target import OnnxTarget
from tests.flows.golden.small_dataflow import convolutional

IMAGES = 60


def make_run(folder: Path) -> Path:
    """`data/test.npz` and `compile/`, as the stages of a run write them; every seventh label is wrong."""
    dataflow = convolutional(0)
    x = np.random.default_rng(5).integers(0, 256, (IMAGES, 1, 6, 6), dtype=np.uint8)
    y = OnnxTarget(dataflow).predict(x).argmax(axis=1)
    y[::7] = (y[::7] + 1) % 5
    for name in ("data", "compile"):
        (folder / name).mkdir(parents=True)
    np.savez_compressed(folder / "data" / "test.npz", x=x, y=y)
    dataflow.save(folder / "compile")
    return folder


@pytest.fixture(scope="session")
def golden_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to its compile stage."""
    return make_run(tmp_path_factory.mktemp("golden") / "run")


@pytest.fixture(scope="session")
def circuit_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to its circuit stage."""
    run = make_run(tmp_path_factory.mktemp("circuit") / "run")
    build(convolutional(0), run / "circuit")
    return run


def campaign(run: Path, *targets: TargetSpec, shard_images: int = 5, count: int = 40) -> CampaignSpec:
    """Square and noise on the golden model of `run`, or on `targets`; images 10 to 50."""
    targets = targets or (TargetSpec("golden", Engine.ONNXRUNTIME, run=str(run)),)
    names = tuple(target.name for target in targets)
    attacks = (
        AttackSpec("square", "square", names, (0.02, 0.05), {"queries": 30}),
        AttackSpec("noise", "uniform", names, (0.05,)),
    )
    images = ImagesSpec(str(run / "data" / "test.npz"), 10, count)
    return CampaignSpec("small", 3, shard_images, images, targets, attacks)


def toml(spec: CampaignSpec) -> str:
    """The specification as its user would write it (square and noise only)."""
    lines = [f'name = "{spec.name}"', f"seed = {spec.seed}", f"shard_images = {spec.shard_images}"]
    lines += [
        "[images]",
        f'file = "{spec.images.file}"',
        f"first = {spec.images.first}",
        f"count = {spec.images.count}",
    ]
    for target in spec.targets:
        lines += [
            "[[targets]]",
            f'name = "{target.name}"',
            f'engine = "{target.engine.value}"',
            f'run = "{target.run}"',
        ]
    for attack in spec.attacks:
        lines += ["[[attacks]]", f'name = "{attack.name}"', f'attack = "{attack.attack}"']
        lines += [f"targets = {list(attack.targets)}", f"epsilons = {list(attack.epsilons)}"]
        lines += [f"parameters = {{ {', '.join(f'{k} = {v}' for k, v in attack.parameters.items())} }}"]
    return "\n".join(lines).replace("'", '"')
