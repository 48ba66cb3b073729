"""Trainings that runs share: the same place for the same network, another for anything that decides its weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from brevitas_models.compute import Compute
from flows.config import load_preset
from flows.errors import FlowError
from flows.stages.networks import recipes
from flows.stages.trainings import place

RECIPES = recipes(load_preset("digits"))


def where(shared: Path | None, name: str = "float", data: str = "d", rest: object = ("code", 1), **other) -> Path:
    recipe = dataclasses.replace(RECIPES[name], **other)
    with place(shared, Path("own"), recipe, data, Compute(), rest) as folder:
        return folder


def test_without_a_shared_folder_it_is_the_runs_own() -> None:
    assert where(None) == Path("own")


def test_the_place_follows_from_all_that_decides(tmp_path: Path) -> None:
    first = where(tmp_path)
    assert first == where(tmp_path) and first.is_dir() and first.parent == tmp_path
    others = [where(tmp_path, "quantized"), where(tmp_path, data="e"), where(tmp_path, rest=("code", 2)),
              where(tmp_path, seed=9)]  # fmt: skip
    assert len({first, *others}) == 5


def test_one_at_a_time(tmp_path: Path) -> None:
    with place(tmp_path, Path("own"), RECIPES["float"], "d", Compute(), 1):
        with (
            pytest.raises(FlowError, match="at work here"),
            place(tmp_path, Path("own"), RECIPES["float"], "d", Compute(), 1),
        ):
            pass


def test_two_studies_runs_train_their_twins_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import brevitas_models.train as training
    from flows.run.engine import execute
    from flows.run.stage import until
    from flows.stages import STAGES
    from tests.flows.run.fake_stages import Recorder

    small = ["train.epochs=1", "data.train_images=64", "data.test_images=32", "defence.adversarial=0.0"]
    from flows.config import override

    epochs = []
    real = training._epoch
    monkeypatch.setattr(training, "_epoch", lambda *args: epochs.append(args[4]) or real(*args))
    monkeypatch.setenv("HOLDFAST_TRAININGS", str(tmp_path / "shared"))
    for name, setting in (("one", "defence.lipschitz_beta=0.0"), ("two", "defence.lipschitz_beta=1e-3")):
        config = override(load_preset("digits"), [*small, setting])
        execute(until(STAGES, "train"), config, tmp_path / name, Recorder())
    assert len(epochs) == 4  # defended twice, each twin once
    for twin in ("float", "quantized"):
        one, two = (tmp_path / name / "train" / f"{twin}.safetensors" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
