"""`holdfast update`: the words between two compiled networks, and targets that follow them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.compile.folding.fold import fold
from flows.compile.plan import MatVecPlan, ThresholdPlan
from flows.config import CompileConfig, Writable, override_section
from flows.errors import FlowError
from flows.targets.onnx_target import OnnxTarget
from flows.update import compare
from hw import registers
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.identity import identity
from hw.inttype import IntType
from hw.stream import Stream
from tests.hw.writable_network import convolutional, lone_threshold


def saved(folder: Path, dataflow) -> Path:
    folder.mkdir()
    dataflow.save(folder)
    return folder


def test_command_writes_the_words(tmp_path: Path) -> None:
    old, new = convolutional(0), convolutional(1)
    folders = [str(saved(tmp_path / name, dataflow)) for name, dataflow in (("old", old), ("new", new))]
    out = tmp_path / "words.json"
    done = CliRunner().invoke(app, ["update", *folders, "--out", str(out)])
    assert done.exit_code == 0, done.output
    record = json.loads(out.read_text())
    assert [tuple(pair) for pair in record["writes"]] == registers.writes(old, new)
    assert (record["from"], record["to"]) == (identity(old), identity(new))
    assert list(record["operators"]) == ["conv", "act", "dense"]
    assert sum(record["operators"].values()) == len(record["writes"]) > 0
    assert f"{len(record['writes'])} of {len(registers.contents(old))} writable words" in done.output
    assert not list(tmp_path.glob("*.partial"))


def test_command_says_why_not(tmp_path: Path) -> None:
    old = saved(tmp_path / "old", convolutional(0))
    fixed = saved(tmp_path / "fixed", convolutional(0, writable=False))
    done = CliRunner().invoke(app, ["update", str(old), str(saved(tmp_path / "other", lone_threshold(0)))])
    assert done.exit_code == 1 and "only the numbers of writable operators can change" in done.output
    with pytest.raises(HardwareError, match="none of its numbers is writable; compile it again with compile.writable"):
        compare(fixed, old)


def test_a_target_follows_an_update() -> None:
    old, new = convolutional(0), convolutional(1)
    images = np.random.default_rng(2).integers(0, 16, (9, 2, 4, 4)).astype(np.uint8)
    codes = images.transpose(0, 2, 3, 1)
    target = OnnxTarget(old)
    before = target.predict(images)
    assert target.update(new) == len(registers.writes(old, new))
    np.testing.assert_array_equal(before, old.result(old.golden(codes)).scores)
    np.testing.assert_array_equal(target.predict(images), new.result(new.golden(codes)).scores)
    with pytest.raises(HardwareError, match="only the numbers"):
        target.update(convolutional(1, writable=False))


@pytest.mark.parametrize(
    "what", [(), (Writable.THRESHOLDS,), (Writable.WEIGHTS,), (Writable.WEIGHTS, Writable.THRESHOLDS)]
)
def test_the_compiler_makes_writable_what_it_is_told(what: tuple[Writable, ...]) -> None:
    kind, x = IntType.parse("INT3"), IntType.parse("UINT8")
    weights = np.random.default_rng(0).integers(-4, 4, (6, 6))
    plans = [
        MatVecPlan("first", ("input",), (), weights, kind, x, np.zeros(6, int), 0, 0),
        ThresholdPlan("act", ("first",), (6,), np.array([[-9, 40]] * 6), IntType.parse("UINT2"), 0),
        MatVecPlan("last", ("act",), (), weights, kind, IntType.parse("UINT2"), np.arange(6), 0, 0),
    ]

    def folded(*writable: Writable) -> Dataflow:
        config = CompileConfig(1_000_000, 25.0, 2, writable=writable)
        return fold("net", plans, Stream((6,), x, 1), config, labels=True).dataflow

    dataflow = folded(*what)
    writable = {op.name for op in dataflow.ops if getattr(op, "writable", False)}
    units = {"first", "last"} if Writable.WEIGHTS in what else set()
    assert writable == units | ({"act"} if Writable.THRESHOLDS in what else set())
    codes = np.random.default_rng(1).integers(0, 256, (5, 6))
    np.testing.assert_array_equal(dataflow.golden(codes), folded().golden(codes))


def test_configuration() -> None:
    config = CompileConfig(1000, 25.0, 2)
    changed = override_section(config, "compile", ['compile.writable=["thresholds", "weights"]'])
    assert config.writable == () and changed.writable == (Writable.THRESHOLDS, Writable.WEIGHTS)
    with pytest.raises(FlowError, match="compile.writable: expected one of thresholds, weights, got 'bias'"):
        override_section(config, "compile", ['compile.writable=["bias"]'])
