"""The parts of the stages that decide something themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from brevitas_models.config import Activation
from flows.config import load_preset, override
from flows.errors import FlowError
from flows.stages.attack import title
from flows.stages.files import read_arrays, read_json
from flows.stages.networks import recipes
from flows.stages.verify import require_equal


def test_the_twins_differ_from_the_defended_network_in_what_they_are_for() -> None:
    config = override(load_preset("digits"), ["data.directory=somewhere"])
    three = recipes(config)
    assert list(three) == ["defended", "quantized", "float"]
    defended, quantized, floating = three.values()
    assert (defended.defence, defended.quant) == (config.defence, config.quant)
    for twin in (quantized, floating):
        assert (twin.defence.adversarial, twin.defence.lipschitz_beta) == (0, 0)
        assert (twin.network, twin.train, twin.seed) == (defended.network, defended.train, defended.seed)
    assert quantized.quant.activation is Activation.RELU and floating.quant.activation is Activation.FLOAT
    assert quantized.quant.weight_bits == config.quant.weight_bits
    assert {recipe.data.directory for recipe in three.values()} == {""}


def test_titles() -> None:
    three = recipes(load_preset("digits"))
    assert [title(recipe) for recipe in three.values()] == [
        *("DQA dynamic + DQ + adversarial training", "uniform quantization", "floating point"),
    ]


def test_a_mismatch_ends_the_run() -> None:
    rung = {"rung": "rtl", "engine": "Verilator", "images": 9, "mismatches": 0, "first_divergence": None}
    require_equal({"rungs": [rung]}, Path("verify.json"))
    first = {"image": 3, "operator": "act0", "channel": 2, "pixel": [1, 4], "expected": 2, "got": 3}
    with pytest.raises(FlowError) as caught:
        require_equal({"rungs": [rung, rung | {"mismatches": 1, "first_divergence": first}]}, Path("verify.json"))
    assert str(caught.value) == (
        "rtl (Verilator): expected the golden integers on all of 9 images, got others on 1; the first: image 3, "
        "operator act0, channel 2, pixel [1, 4], expected 2, got 3; all rungs: verify.json"
    )


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(FlowError, match="a.json: expected a JSON object, got list; run its stage again with --from$"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(FlowError, match="a.npz: expected arrays x, got "):
        read_arrays(tmp_path / "a.npz", "x")
