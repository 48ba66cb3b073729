"""`holdfast board` as its user types it, on a compiled QONNX file and its simulated board."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.link.compiled import open_compiled
from flows.targets.onnx_target import OnnxTarget
from hw.dataflow import Dataflow
from hw.identity import identity
from hw.registers import writes
from tests.flows.compile.qonnx_networks import NetworkWriter

SHAPE = (1, 4, 4)


def call(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A compiled file with images and labels beside it."""
    place = tmp_path_factory.mktemp("commands")
    net = NetworkWriter(SHAPE, 4)
    net.quant(0.25, 0, 3, signed=0)
    net.flatten()
    net.linear(3, 3)
    code, text = call("compile", net.save(place / "m.onnx", SHAPE), "--out", place / "out", "--board", "ulx3s_85f")
    assert code == 0, text
    x = np.random.default_rng(1).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    np.save(place / "x.npy", x)
    np.save(place / "y.npy", OnnxTarget(Dataflow.load(place / "out")).predict(x).argmax(axis=1))
    return place


def data(folder: Path) -> tuple[object, ...]:
    return "--images", folder / "x.npy", "--labels", folder / "y.npy"


@pytest.mark.sim
@pytest.mark.slow
def test_verify_and_attack_through_a_damaged_line(folder: Path) -> None:
    noisy = ("--simulate", "--noise", 0.01, "--timeout", 0.3)
    code, text = call("board", "verify", folder / "out", *noisy, *data(folder), "--sample", 5)
    assert code == 0, text
    record = json.loads((folder / "out" / "board" / "verify.json").read_text())
    rung = record["rungs"][-1]
    assert (rung["rung"], rung["images"], rung["mismatches"]) == ("board", 40, 0)
    assert rung["engine"].startswith("serial:/dev/")
    assert record["link"]["host"]["sent"] > 40 and record["link"]["board"]["overrun"] == 0

    few = ("--epsilon", 0.1, "--count", 3, "--queries", 20)
    code, text = call("board", "attack", folder / "out", *noisy, *data(folder), *few)
    assert code == 0 and "replay: 3 of 3 with the twin's scores" not in text  # all 40 are replayed
    record = json.loads((folder / "out" / "board" / "attack.json").read_text())
    assert record["images"] == 3 and record["replay"]["same_scores"] == record["replay"]["images"] == 40


@pytest.fixture(scope="module")
def writable(tmp_path_factory) -> Path:
    """Folders `old` and `new`, compiled with writable numbers, and `other`, of another shape."""
    place = tmp_path_factory.mktemp("update")
    for name, seed, outputs in (("old", 4, 3), ("new", 5, 3), ("other", 4, 4)):
        net = NetworkWriter(SHAPE, seed)
        net.flatten()
        net.linear(4, 3)
        net.relu(2, 0.5 + seed / 8)
        net.linear(outputs, 3)
        model = net.save(place / f"{name}.onnx", SHAPE)
        changes = ("--input", "codes", "--set", 'compile.writable=["thresholds", "weights"]')
        code, text = call("compile", model, "--out", place / name, "--board", "ulx3s_85f", *changes)
        assert code == 0, text
    return place


@pytest.mark.sim
def test_a_board_is_updated_and_verified(writable: Path) -> None:
    old, new = writable / "old", writable / "new"
    noisy = ("--simulate", "--noise", 0.005, "--timeout", 0.5)
    code, text = call("board", "update", old, new, *noisy, "--sample", 3, "--count", 12)
    assert code == 0, text
    record = json.loads((new / "board" / "update.json").read_text())
    rung = record["rungs"][-1]
    assert (rung["rung"], rung["images"], rung["mismatches"]) == ("board", 12, 0)
    dataflows = [Dataflow.load(folder) for folder in (old, new)]
    words = len(writes(*dataflows))
    assert record["update"]["words"] == words > 10 and f"{words} of " in text
    assert [record["update"][key] for key in ("from", "to")] == [identity(dataflow) for dataflow in dataflows]
    codes = np.random.default_rng(2).integers(0, 256, (9, 16))
    assert (dataflows[0].golden(codes) != dataflows[1].golden(codes)).any()


def test_a_board_refuses_what_is_more_than_numbers(writable: Path, folder: Path) -> None:
    code, said = call("board", "update", writable / "old", writable / "other", "--simulate")
    assert code == 1 and "only the numbers of writable operators can change" in said
    code, said = call("board", "update", folder / "out", writable / "new", "--simulate")
    assert code == 1 and "none of its numbers is writable; compile it again with compile.writable" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("verify", "out"), "expected --target serial:PORT or --simulate, got both or neither"),
        (("attack", "out", "--target", "serial:/dev/x", "--simulate"), "got both or neither"),
        (("verify", "out", "--target", "serial:/dev/x", "--noise", "0.1"), "expected noise only on a simulated line"),
        (("verify", "out", "--target", "/dev/x"), "expected serial:PORT or serial:PORT@BAUD, got '/dev/x'"),
        (("info", "serial:/dev/no-such-port"), "/dev/no-such-port: expected a serial port at 1000000 baud"),
        (("verify", "out", "--simulate", "--images", "no.npy"), "no.npy: expected a .npy file, found none"),
        (("simulate", "nowhere"), "expected a run directory, got none"),
        (("simulate", "out", "--board", "ulx3s"), "unknown board 'ulx3s': expected one of colorlight_i5"),
        (("attack", "out", "--simulate", "--attack", "pgd"), "a circuit has no attack 'pgd'"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], text: str
) -> None:
    monkeypatch.chdir(folder)
    code, said = call("board", *words)
    assert code == 1 and text in said and len(said.strip().splitlines()) == 1


def test_the_boards_are_listed() -> None:
    code, text = call("board", "list")
    assert code == 0 and "LFE5UM5G-85F" in text and "openFPGALoader -b ulx3s ulx3s_12f.bit" in text


def test_a_compiled_file_knows_its_board_and_takes_another(folder: Path) -> None:
    with open_compiled(folder / "out", None) as compiled:
        assert compiled.chosen_board().name == "ulx3s_85f" and compiled.clock_mhz == 25.0
        first = compiled.build_id(simulated=True)
        assert compiled.build_id(simulated=False) is None  # no bitstream was made
    with open_compiled(folder / "out", "colorlight_i5") as compiled:
        assert compiled.build_id(simulated=True) != first
    made = folder / "out" / "bitstream" / "bitstream.json"
    made.parent.mkdir()
    made.write_text(json.dumps({"build_id": f"{first:016x}"}))
    with open_compiled(folder / "out", None) as compiled:
        assert compiled.build_id(simulated=False) == first
