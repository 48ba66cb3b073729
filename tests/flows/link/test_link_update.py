"""New thresholds and weights over the serial line: the simulated board computes the old network, then the new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.link.line import LinkOptions
from flows.link.simulated import SimulatedBoard
from flows.targets.serial_target import SerialTarget
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from tests.hw.writable_network import sorted_thresholds

pytestmark = pytest.mark.sim

UINT8, UINT2, INT3 = (IntType.parse(name) for name in ("UINT8", "UINT2", "INT3"))
OPTIONS = LinkOptions(timeout_s=2.0)


def network(seed: int) -> Dataflow:
    """6 pixels, fewer bytes than a word of an update, to 3 scores and their label."""
    rng = np.random.default_rng(seed)
    hidden = MatVec("hidden", (), rng.integers(-4, 4, (4, 6)), INT3, UINT8, 1, 1, writable=True)
    table = sorted_thresholds(rng, hidden.output.dtype, 4, 3)
    act = Threshold("act", (4,), hidden.output.dtype, table, UINT2, 1, writable=True)
    last = MatVec("last", (), rng.integers(-4, 4, (3, 4)), INT3, UINT2, 1, 1, rng.integers(-9, 9, 3), writable=True)
    return Dataflow("rewritten", (hidden, act, last, Argmax("label", 3, last.output.dtype, True)))


def test_a_board_is_rewritten_over_its_line(tmp_path: Path) -> None:
    nets, codes = [network(seed) for seed in range(5)], np.random.default_rng(9).integers(0, 256, (12, 6), np.uint8)
    for noise in (0.0, 0.01):
        with SimulatedBoard(nets[0], load("ulx3s_85f"), tmp_path, clock_mhz=25.0, noise=noise, seed=3) as board:
            address = f"serial:{board.port}"
            with SerialTarget(address, nets[0], options=OPTIONS) as target:
                np.testing.assert_array_equal(target.outputs(codes), nets[0].golden(codes))
                for before, after in zip(nets, nets[1:], strict=False):
                    assert (before.golden(codes) != after.golden(codes)).any()
                    assert target.update(after) > 0
                    np.testing.assert_array_equal(target.outputs(codes), after.golden(codes))
                with pytest.raises(HardwareError, match="only the numbers of writable operators can change"):
                    target.update(Dataflow("rewritten", nets[0].ops[:3]))
            with SerialTarget(address, nets[0], options=OPTIONS) as again:  # whatever was written before
                np.testing.assert_array_equal(again.outputs(codes), nets[0].golden(codes))
            with pytest.raises(FlowError, match="expected a board with rewritten"):
                SerialTarget(address, nets[1], options=OPTIONS)
