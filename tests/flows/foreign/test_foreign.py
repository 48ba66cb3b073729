"""`holdfast check`, `compile` and `verify` of a QONNX file that somebody brings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.compile.input_map import InputMap, guess, write_with_pixels
from flows.errors import FlowError
from flows.foreign.check import examine
from flows.foreign.compile import compile_foreign, settings
from flows.foreign.images import made_images, read_array
from hw.dataflow import Dataflow
from tests.flows.compile.qonnx_networks import NetworkWriter, mlp

SHAPE = (1, 4, 4)


def trained_on_unit(path: Path, *, sigmoid: bool = False) -> Path:
    """A network of pixels in [0, 1] with an input quantizer of its own."""
    net = NetworkWriter(SHAPE, 4)
    net.quant(0.25, 0, 3, signed=0)
    net.conv(3, 3, 0, 3)
    if sigmoid:
        net.node("Sigmoid")
    net.relu(2, 0.25)
    net.flatten()
    net.linear(3, 3)
    return net.save(path, SHAPE)


def call(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_check_names_every_node_and_passes(tmp_path: Path) -> None:
    code, text = call("check", trained_on_unit(tmp_path / "m.onnx"))
    assert code == 0 and "product conv0" in text and "threshold act_input" in text
    assert "input: code / 255" in text and "guessed" in text


def test_check_goes_on_behind_what_has_no_hardware(tmp_path: Path) -> None:
    found = examine(trained_on_unit(tmp_path / "m.onnx", sigmoid=True), InputMap.UNIT)
    errors = [finding for finding in found.findings if finding.error]
    assert [finding.kind for finding in errors] == ["Sigmoid"] and not found.maps
    assert errors[0].error.reason == "the circuit has no operator for it" and errors[0].error.remedy
    assert "not judged: it follows one that has no hardware" in [finding.role for finding in found.findings]
    code, text = call("check", tmp_path / "m.onnx")
    assert code == 1 and "Sigmoid" in text


def test_check_of_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\xff\xfe")
    code, text = call("check", tmp_path / "m.onnx")
    assert code == 1 and "expected a QONNX file" in text and len(text.strip().splitlines()) == 1


@pytest.mark.sim
def test_compile_then_verify(tmp_path: Path) -> None:
    model, out = trained_on_unit(tmp_path / "m.onnx"), tmp_path / "out"
    code, text = call("compile", model, "--out", out, "--target-fps", 500_000, "--set", "compile.fifo_depth=2")
    assert code == 0 and "input: unit (guessed; see --input)" in text and "written:" in text
    record = json.loads((out / "compile.json").read_text())
    assert record["input"] == {"map": "unit", "guessed": True} and record["source"] == "m.onnx"
    assert (out / "rtl").is_dir() and (out / "dataflow.json").is_file()
    code, text = call("verify", out, "--sample", 6)
    assert code == 0, text
    found = json.loads((out / "verify.json").read_text())
    rungs = {rung["rung"]: rung for rung in found["rungs"]}
    assert list(rungs) == ["qonnx", "golden", "finn", "rtl"] and rungs["rtl"]["images"] > 100
    assert not any(rung["mismatches"] for rung in rungs.values())

    images = np.random.default_rng(0).integers(0, 256, (9, *SHAPE)).astype(np.uint8)
    labels = Dataflow.load(out).golden(images.transpose(0, 2, 3, 1).astype(np.int64))[:, -1]
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    code, text = call("verify", out, "--images", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--sample", 3)
    assert code == 0 and "100.00 % of 9" in text

    dataflow = Dataflow.load(out)
    late = {op.name: replace(op, thresholds=op.thresholds + 1) for op in dataflow.ops if op.name == "act_conv0"}
    replace(dataflow, ops=tuple(late.get(op.name, op) for op in dataflow.ops)).save(out)
    code, text = call("verify", out, "--sample", 0)
    assert code == 1 and "got others on qonnx, finn" in text


def test_a_preset_still_goes_to_its_stage() -> None:
    assert "unknown preset 'nonesuch'" in call("compile", "nonesuch")[1]
    assert "unknown preset 'nonesuch'" in call("verify", "nonesuch")[1]


def test_only_a_new_folder_or_an_earlier_result_is_written(tmp_path: Path) -> None:
    model = mlp(tmp_path / "m.onnx")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(FlowError, match="expected a new folder or an earlier result"):
        compile_foreign(model, tmp_path / "out", settings(None, None, None, []))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_options_win_over_the_board_and_settings_over_options() -> None:
    assert settings(None, None, "ulx3s_85f", []).clock_mhz == 25.0
    assert settings(40.0, 7, "ulx3s_85f", ["compile.target_fps=9"]).target_fps == 9
    with pytest.raises(FlowError, match="compile.fifo: unknown key"):
        settings(None, None, None, ["compile.fifo=2"])
    with pytest.raises(FlowError, match="expected compile.key=value"):
        settings(None, None, None, ["train.epochs=2"])


@pytest.mark.parametrize(("mapping", "scale", "offset"), [("unit", 1 / 255, 0), ("symmetric", 2 / 255, -1)])
def test_pixels_are_mapped_in_front(mapping: str, scale: float, offset: float, tmp_path: Path) -> None:
    from flows.compile.read.network import read_network

    write_with_pixels(trained_on_unit(tmp_path / "m.onnx"), tmp_path / "pixels.onnx", InputMap(mapping))
    stairs = read_network(tmp_path / "pixels.onnx").activations["act_input"].stairs
    values = np.clip(np.round((np.arange(256) * scale + offset) / 0.25), 0, 7)
    assert [stairs(code, 0) for code in range(256)] == values.tolist()


def test_the_map_is_guessed_from_the_first_factor(tmp_path: Path) -> None:
    assert guess(trained_on_unit(tmp_path / "unit.onnx")) is InputMap.UNIT
    assert guess(mlp(tmp_path / "codes.onnx")) is InputMap.CODES


def test_vectors_and_signals_become_images(tmp_path: Path) -> None:
    from flows.compile.read.network import read_network

    for dims, shape in (((6,), (1, 1, 6)), ((2, 3), (1, 3, 2))):
        net = NetworkWriter(dims, 0)
        net.quant(0.25, 0, 3, signed=0)
        if len(dims) > 1:
            net.flatten()
        net.linear(3, 3)
        write_with_pixels(net.save(tmp_path / "m.onnx", dims), tmp_path / "p.onnx", InputMap.UNIT)
        assert read_network(tmp_path / "p.onnx").input_shape == shape


def test_made_images_hold_the_ends_and_the_thresholds(tmp_path: Path) -> None:
    dataflow = compile_foreign(trained_on_unit(tmp_path / "m.onnx"), tmp_path / "out", settings(None, None, None, []))
    images = made_images(dataflow, (4, 4, 1))
    assert images.dtype == np.uint8 and images.shape[1:] == SHAPE
    assert {0, 255} <= {int(image.max()) for image in images if image.min() == image.max()}
    edges = set(np.asarray(dataflow.ops[0].thresholds).reshape(-1).tolist())
    near = edges | {edge - 1 for edge in edges}
    assert all(set(image.reshape(-1).tolist()) <= near for image in images[-8:])


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FlowError, match="expected images in a .npy file"):
        read_array(tmp_path / "x.npy", "images")


def test_the_original_file_is_not_changed(tmp_path: Path) -> None:
    path = mlp(tmp_path / "m.onnx")
    before = path.read_bytes()
    write_with_pixels(path, tmp_path / "p.onnx", InputMap.UNIT)
    assert path.read_bytes() == before and onnx.load(tmp_path / "p.onnx").graph.node[0].op_type == "Div"
