"""What a campaign's file may say, and the errors for what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.campaign.spec import Engine, load_spec
from flows.errors import FlowError
from tests.flows.campaign.conftest import campaign, toml


def test_a_file_gives_the_specification(tmp_path: Path) -> None:
    spec = campaign(tmp_path / "run")
    path = tmp_path / "spec.toml"
    path.write_text(toml(spec))
    assert load_spec(path) == spec
    assert spec.target("golden").engine is Engine.ONNXRUNTIME and spec.attacks[0].norm == "linf"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("seed = 3", "sead = 3", "sead: unknown key; did you mean seed?"),
        ("seed = 3\n", "", "seed: missing"),
        ("seed = 3", "seed = -1", "expected a seed from 0"),
        ("shard_images = 5", "shard_images = 0", "shard_images >= 1"),
        ("count = 40", "count = 0", "expected first >= 0 and count >= 1"),
        ('engine = "onnxruntime"', 'engine = "onnx"', r"targets\[0\].engine: expected one of torch, onnxruntime, rtl"),
        ('engine = "onnxruntime"', 'engine = "remote"', "target golden: expected no run with the engine remote"),
        ('engine = "onnxruntime"', 'engine = "torch"', "target golden: expected a value for network"),
        (
            'engine = "onnxruntime"',
            'engine = "torch"\nnetwork = "floot"',
            "unknown network 'floot'; did you mean float",
        ),
        ('engine = "onnxruntime"', 'engine = "rtl"\nnetwork = "float"', "expected no network with the engine rtl"),
        ('name = "golden"', 'name = "gol den"', "expected a name of letters"),
        ('targets = ["golden"]', 'targets = ["godlen"]', "unknown target 'godlen'; did you mean golden?"),
        ('targets = ["golden"]', "targets = []", "expected targets without repetition, at least one"),
        ("epsilons = [0.02, 0.05]", "epsilons = [0.02, 0.02]", "expected epsilons without repetition"),
        ("epsilons = [0.02, 0.05]", "epsilons = [2.0]", "epsilon: expected pixel units from 0 to 1, got 2.0"),
        ('attack = "square"', 'attack = "sqare"', "unknown attack 'sqare'; did you mean square?"),
        ("queries = 30", "querys = 30", "square: unknown parameter 'querys'; did you mean queries?"),
        ("queries = 30", "queries = 1", "square queries: expected at least 3, got 1"),
        ("queries = 30", "queries = 30, seed = 1", "expected no seed, every shard has its own"),
        ('name = "noise"', 'name = "square"', "attacks: expected at least one, each with its own name"),
        ('attack = "uniform"', 'attack = "fgsm"', "fgsm needs gradients, and golden has none; give a torch target"),
    ],
)
def test_bad_specifications(tmp_path: Path, old: str, new: str, text: str) -> None:
    whole = toml(campaign(tmp_path / "run"))
    assert old in whole
    path = tmp_path / "spec.toml"
    path.write_text(whole.replace(old, new, 1))
    with pytest.raises(FlowError, match=text):
        load_spec(path)
