"""Presets, overrides and the text of every refusal."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevitas_models.config import Activation, ModelConfig
from brevitas_models.errors import ModelError
from flows.config import PRESETS, dump_toml, load_preset, load_toml, override, parse, preset_names, to_record
from flows.errors import FlowError

NAMES = ["cifar10-resnet8", "digits", "digits-sq", "mnist-certified", "mnist-lenet5", "mnist-mlp", "mnist-robust"]
NAMES += ["speech-dscnn", "svhn-resnet8"]


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_complete_and_named_as_their_file(name: str) -> None:
    config = load_preset(name)
    assert config.name == name
    assert to_record(config) == tomllib.loads((PRESETS / f"{name}.toml").read_text())


def test_the_presets_are_there() -> None:
    assert preset_names() == NAMES


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(FlowError) as caught:
        load_preset("digit")
    assert str(caught.value) == f"unknown preset 'digit'; did you mean digits?; presets: {', '.join(NAMES)}"


@given(
    directory=st.text(st.characters(codec="utf-8")),
    rate=st.floats(1e-9, 10),
    bits=st.one_of(st.integers(1, 8), st.lists(st.integers(1, 8))),
    sweep=st.lists(st.floats(0, 1)),
)
def test_toml_round_trip_is_exact(directory: str, rate: float, bits: int | list[int], sweep: list[float]) -> None:
    record = to_record(load_preset("digits"))
    record["data"]["directory"], record["train"]["learning_rate"] = directory, rate
    record["quant"]["weight_bits"], record["attack"]["sweep"] = bits, sweep
    config = parse(record)
    assert parse(tomllib.loads(dump_toml(config))) == config
    assert to_record(config) == record


def test_overrides_are_typed_like_the_field() -> None:
    settings = ["quant.weight_bits=[8, 4, 4, 8]", "quant.activation=relu", "compile.clock_mhz=12", "data.directory=12"]
    config = override(load_preset("digits"), [*settings, "seed=7"])
    assert config.quant.weight_bits == (8, 4, 4, 8) and config.quant.activation is Activation.RELU
    assert type(config.compile.clock_mhz) is float and config.compile.clock_mhz == 12
    assert config.data.directory == "12" and config.seed == 7
    assert override(config, ["quant.weight_bits=3"]).quant.weight_bits == 3


def test_overrides_are_checked_together() -> None:
    """channels and pools must agree in number, so neither could be set alone."""
    config = override(load_preset("digits"), ["network.channels=[4]", "network.pools=[2]"])
    assert config.network.channels == (4,)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("attack.epsilonn=1", "attack.epsilonn: unknown key; did you mean attack.epsilon?"),
        ("atack.epsilon=1", "atack: unknown section; did you mean attack?"),
        ("train.qqq=1", "train.qqq: unknown key; known here: epochs, batch, learning_rate, weight_decay, augment"),
        ("train.epochs=3.5", "train.epochs: expected a whole number, got a number (3.5)"),
        ("train.epochs=true", "train.epochs: expected a whole number, got true or false (True)"),
        ("train.epochs=many", "train.epochs: expected a whole number, got text ('many')"),
        ("network.channels=8", "network.channels: expected a list, got a whole number (8)"),
        ("quant.weight_bits=[4, 'a']", "quant.weight_bits: expected a whole number, got text ('a')"),
        (
            "quant.activation=dqa",
            "quant.activation: expected one of float, relu, dqa_fixed, dqa_dynamic, sq, got 'dqa'",
        ),
        ("hil=3", "hil: expected a section, got a whole number (3)"),
        ("seed.x=3", "seed: it is a value, not a section; write --set seed=..."),
        ("seed", "--set: expected section.key=value, got 'seed'"),
        ("a.b.c=1", "--set: expected section.key=value, got 'a.b.c=1'"),
        ("attack.epsilon=1.5", "attack.epsilon: expected pixel units from 0 to 1, got 1.5"),
        ("attack.sweep=[0.1, nan]", "attack.sweep: expected pixel units from 0 to 1, got nan"),
        ("compile.clock_mhz=0", "compile.clock_mhz: expected 0.001 or more, got 0.0"),
        ("verify.rtl=-1", "verify.rtl: expected 0 or more, got -1"),
        ("hil.attacks=['sqare']", "hil.attacks: a circuit has no attack 'sqare'; did you mean square?"),
        (
            "hil.attacks=['square', 'square']",
            "hil.attacks: expected one or more different names, got ['square', 'square']",
        ),
        ("hil.queries=2", "hil.queries: expected 3 or more, got 2"),
        ("name=../up", "name: expected letters, digits, '.', '_' and '-' (it names a folder), got '../up'"),
    ],
)
def test_refusals(setting: str, text: str) -> None:
    with pytest.raises(FlowError) as caught:
        override(load_preset("digits"), [setting])
    assert str(caught.value) == text


def test_nine_bit_weights() -> None:
    with pytest.raises(ModelError) as caught:
        override(load_preset("digits"), ["quant.weight_bits=[4, 9, 4, 4]"])
    assert str(caught.value) == ("quant.weight_bits: expected 1 to 8 bits, got 9; choose a width the circuit supports")


def test_defences_that_do_not_go_together_are_refused_at_once() -> None:
    with pytest.raises(ModelError, match=r"^defence.diversity: expected an ensemble, got one network"):
        override(load_preset("digits"), ["defence.diversity=1.0"])


def test_a_models_error_names_its_section() -> None:
    with pytest.raises(ModelError, match="^network: expected one pool per convolution, got channels="):
        override(load_preset("digits"), ["network.channels=[4]"])


def test_a_missing_key_is_refused() -> None:
    record = to_record(load_preset("digits"))
    del record["hil"]["queries"]
    with pytest.raises(FlowError, match=r"^hil.queries: missing; a configuration is complete, start from a preset$"):
        parse(record)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="none.toml: expected a configuration in TOML, got No such file"):
        load_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 1")
    with pytest.raises(FlowError, match="bad.toml: expected TOML, got Invalid value"):
        load_toml(tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FlowError, match="bad.toml: expected TOML, got 'utf-8' codec"):
        load_toml(tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_text("name = 'x'")
    with pytest.raises(FlowError, match="bad.toml: seed: missing; a configuration is complete, start from a preset$"):
        load_toml(tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_text(dump_toml(load_preset("digits")).replace("weight_bits = 4", "weight_bits = 9"))
    with pytest.raises(ModelError, match="bad.toml: quant.weight_bits: expected 1 to 8 bits, got 9"):
        load_toml(tmp_path / "bad.toml")


@pytest.mark.parametrize("setting", ["seed=-1", "seed=4294967296", "board.seed=-1", "board.seed=2147483648"])
def test_seeds_that_some_tool_refuses(setting: str) -> None:
    with pytest.raises(FlowError, match=f"^{setting.partition('=')[0]}: expected 0 to [0-9]+, got "):
        override(load_preset("digits"), [setting])


def test_a_number_too_long_to_read_is_text() -> None:
    with pytest.raises(FlowError, match="^train.epochs: expected a whole number, got text"):
        override(load_preset("digits"), [f"train.epochs={'9' * 5000}"])


def test_the_model_part() -> None:
    config = load_preset("digits")
    recipe = config.model()
    assert isinstance(recipe, ModelConfig)
    assert (recipe.seed, recipe.quant, recipe.train) == (config.seed, config.quant, config.train)
