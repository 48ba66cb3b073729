"""Yosys' slang front end takes windows, depthwise convolutions, poolings, noise and votes, but no bad parameters."""

from __future__ import annotations

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.accpool.accpool import AccPool
from hw.ops.depthwise.depthwise import Depthwise
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.stochastic_threshold.stochastic_threshold import StochasticThreshold
from hw.ops.vote.vote import Vote
from hw.ops.window.window import Window
from hw.top.stitch import top_module, write
from tests.hw.top.test_yosys import elaborate
from tests.hw.writable_network import convolutional, lone_threshold

INT6, UINT2 = IntType.parse("INT6"), IntType.parse("UINT2")


def layer(weights: str, activations: str, pe: int, restart: bool) -> Dataflow:
    """Depthwise convolution, noisy activation and both poolings, with 4 channels."""
    kind, x, rng = IntType.parse(weights), IntType.parse(activations), np.random.default_rng(pe)
    filters = kind.decode(rng.integers(0, 1 << kind.bits, (4, 3, 2)))
    conv = Depthwise("conv0", (5, 8), filters, kind, x, pe, np.arange(4), 1)
    y = conv.output.dtype
    table = np.sort(rng.integers(y.min, y.max, (4, 3)), axis=1)
    ops = (
        Window("window0", (9, 9, 4), x, pe, (3, 2), (1, 1), (2, 1), depthwise=True),
        conv,
        StochasticThreshold(
            "act0", (5, 8, 4), y, table, UINT2, pe, np.arange(4), draw_bits=3, restart_every_frame=restart
        ),
        MaxPool("pool0", (5, 8, 4), UINT2, pe, (3, 3), (1, 2)),
        MaxPool("pool1", (3, 3, 4), UINT2, pe, (1, 2), (2, 1)),
        AccPool("pool2", (2, 2, 4), UINT2, pe, (2, 2)),
    )
    return Dataflow("layer", ops)


def signal() -> Dataflow:
    """One dimension, signed and bipolar elements."""
    bipolar = IntType.parse("BIPOLAR")
    ops = (
        Window("window0", (1, 20, 2), INT6, 1, (1, 3), (1, 2), (1, 2)),
        AccPool("pool0", (1, 8, 6), INT6, 1, (1, 3)),
        StochasticThreshold(
            "act0", (1, 2, 6), IntType.parse("INT8"), np.zeros((6, 1), int), bipolar, 1, np.zeros(6, int), -1, 2
        ),
        AccPool("pool1", (1, 2, 6), bipolar, 1, (1, 2)),
    )
    return Dataflow("signal", ops)


def ensemble() -> Dataflow:
    """Three members behind one input."""
    ops = [Fork("fork0", (6,), INT6, 2, 3), *(Fifo(f"fifo{i}", (6,), INT6, 2, 3) for i in range(3))]
    ops.append(Vote("vote0", (6,), (INT6,) * 3, 2, (-23, 1 << 29, 0)))
    sources = {"fork0": ("input",)} | {f"fifo{i}": (f"fork0.{i}",) for i in range(3)}
    return Dataflow("ensemble", tuple(ops), sources | {"vote0": ("fifo0", "fifo1", "fifo2")})


DATAFLOWS = {
    "signed_weights": layer("INT4", "UINT2", 2, False),
    "bipolar_weights": layer("BIPOLAR", "INT3", 4, True),
    "signal": signal(),
    "ensemble": ensemble(),
    "writable_blocks": convolutional(0, memory="block"),
    "writable_registers": lone_threshold(0),
}


@pytest.mark.synth
@pytest.mark.parametrize("dataflow", DATAFLOWS.values(), ids=DATAFLOWS.keys())
def test_elaborates_without_a_warning(tmp_path, dataflow: Dataflow) -> None:
    sources = [path.name for path in write(dataflow, tmp_path) if path.suffix == ".sv"]
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.synth
@pytest.mark.parametrize(
    ("name", "good", "bad", "complaint"),
    [
        ("signed_weights", ".DH(2)", ".DH(5)", "window: the kernel must lie within the image"),
        ("signed_weights", ".DW(1)", ".DW(0)", "window: strides and dilations must be at least 1"),
        ("signed_weights", ".DEPTHWISE(1)", ".DEPTHWISE(2)", "window: DEPTHWISE must be 0 or 1"),
        ("signed_weights", ".W_BITS(4)", ".W_BITS(9)", "depthwise: operands have 1 to 8 bits"),
        ("signed_weights", ".DRAW_BITS(3)", ".DRAW_BITS(17)", "stochastic_threshold: DRAW_BITS must be 1 to 16"),
        ("signed_weights", ".SW(2)", ".SW(0)", "maxpool: kernels and strides must be at least 1"),
        ("signed_weights", ".Y_BITS(4)", ".Y_BITS(1)", "accpool: X_BITS must be 1 to 48, Y_BITS X_BITS to 48"),
        ("ensemble", ".GAIN1(536870912)", ".GAIN1(2147483647)", r"vote: gains must be within -2**30..2**30"),
    ],
)
def test_an_illegal_parameter_fails_elaboration(tmp_path, name, good, bad, complaint) -> None:
    dataflow = DATAFLOWS[name]
    sources = [path.name for path in write(dataflow, tmp_path) if path.suffix == ".sv"]
    top = tmp_path / f"{top_module(dataflow)}.sv"
    assert good in top.read_text()
    top.write_text(top.read_text().replace(good, bad))
    done = elaborate(tmp_path, sources, top_module(dataflow))
    assert done.returncode != 0 and complaint in done.stdout + done.stderr
