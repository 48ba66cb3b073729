"""The parts of the stages that decide something themselves."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from brevitas_models.config import Activation
from flows.config import load_preset, override
from flows.errors import FlowError
from flows.stages import STAGES
from flows.stages.files import read_arrays, read_json
from flows.stages.networks import recipes
from flows.stages.subjects import title
from flows.stages.verify import require_equal, require_scores
from hw.errors import HardwareError


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


def test_damaged_and_hostile_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).integers(0, 4, 4000))
    good = path.read_bytes()
    for place in range(60, len(good) - 100, 11):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        with contextlib.suppress(FlowError):
            read_arrays(path, "x")
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(FlowError, match="a.npz: expected arrays x, got ValueError.'Object arrays"):
        read_arrays(path, "x")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(FlowError, match="deep.json: expected a JSON object, got maximum recursion depth"):
        read_json(tmp_path / "deep.json")


def test_a_clock_that_the_board_cannot_make_is_refused_before_training() -> None:
    check = next(stage.check for stage in STAGES if stage.name == "bitstream")
    check(load_preset("digits"))
    with pytest.raises(HardwareError, match="^no clock of 900.0 MHz can be made from 25.0 MHz; the nearest is"):
        check(override(load_preset("digits"), ["compile.clock_mhz=900"]))


@pytest.mark.parametrize("scores", [np.zeros((5, 10), np.int64), np.zeros((9, 10)), np.zeros(9, np.int64)])
def test_scores_that_are_not_one_row_per_image_are_refused(scores: np.ndarray) -> None:
    require_scores(np.zeros((9, 1, 2, 2), np.uint8), np.zeros((9, 10), np.int64))
    with pytest.raises(FlowError, match="^vectors.npz: expected integer scores .9, classes., .* --from export$"):
        require_scores(np.zeros((9, 1, 2, 2), np.uint8), scores)
