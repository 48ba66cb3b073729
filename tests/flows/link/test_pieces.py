"""Pictures of 28 x 28 pixels over a line that damages one byte in a hundred, where no whole one ever arrives."""

from __future__ import annotations

import numpy as np
import pytest

from flows.errors import FlowError
from flows.link.driver import BoardLink
from flows.link.line import LinkOptions
from flows.link.quality import Quality
from flows.link.simulated import SimulatedBoard
from flows.targets.serial_target import SerialTarget
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec

PIXELS = 784
OPTIONS = LinkOptions(timeout_s=0.5, silences=100)  # a busy machine is slow


def network() -> Dataflow:
    weights = np.random.default_rng(3).integers(-8, 8, (5, PIXELS))
    matvec = MatVec("dense", (), weights, IntType.parse("INT4"), IntType.parse("UINT8"), pe=1, simd=1)
    return Dataflow("wide", (matvec, Argmax("label", 5, matvec.output.dtype, True)))


def inputs(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, PIXELS), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("board")


def simulate(folder, noise: float = 0.0, seed: int = 1) -> SimulatedBoard:
    return SimulatedBoard(network(), load("ulx3s_85f"), folder, clock_mhz=25.0, noise=noise, seed=seed)


@pytest.mark.sim
def test_large_inputs_arrive_over_a_bad_line_and_go_whole_again_over_a_good_one(folder):
    codes = inputs(8)
    with simulate(folder, noise=0.01) as board:
        with SerialTarget(f"serial:{board.port}", network(), options=OPTIONS) as target:
            np.testing.assert_array_equal(target.outputs(codes), network().golden(codes))
            line = target.link.line
            assert 0.003 < line.quality.rate < 0.03
            assert not line.quality.prefers_whole(PIXELS, 24)
            assert line.statistics.bytes_sent < 8 * 6 * PIXELS
            for noise in board._noise:
                noise.rate = 0.0
            line.quality = Quality()
            before = line.statistics.bytes_sent
            np.testing.assert_array_equal(target.outputs(codes), network().golden(codes))
            assert line.statistics.bytes_sent - before == 8 * (1 + 12 + PIXELS)
        assert min(board.damaged) > 20


@pytest.mark.sim
def test_a_board_that_forgets_pieces_gives_no_score(folder, monkeypatch):
    """Another user writes between the pieces and the RUN: all come again, and at last the input is given up."""
    (data,) = (code.tobytes() for code in inputs(1))
    with simulate(folder) as board, BoardLink(board.port, options=OPTIONS) as link:
        monkeypatch.setattr("flows.link.driver.protocol.checksum", lambda data: b"1234")
        with pytest.raises(FlowError, match="expected the board to keep an input that came in pieces, it lost 5"):
            link._infer_in_pieces(data)
        monkeypatch.undo()
        assert link._infer_in_pieces(data) == network().golden(inputs(1))[0].astype("<i4").tobytes()
        assert link.statistics.refused == 5 and link.counters().bad_crc == 0


def test_quality_follows_the_line_and_chooses_the_shorter_way():
    quality, random = Quality(), np.random.default_rng(1)
    assert not quality.noisy and quality.prefers_whole(PIXELS, 44)
    for _ in range(2000):
        quality.count(59, lost=random.random() > 0.99**59)
    assert 0.005 < quality.rate < 0.015 and quality.noisy
    assert not quality.prefers_whole(PIXELS, 44) and quality.prefers_whole(16, 44)
    for _ in range(3000):
        quality.count(59, lost=False)
    assert quality.prefers_whole(PIXELS, 44)


def test_one_loss_does_not_make_a_line_bad():
    quality = Quality()
    quality.count(850, lost=True)
    assert quality.prefers_whole(PIXELS, 44)
    for _ in range(5):
        quality.count(850, lost=True)
    assert not quality.prefers_whole(PIXELS, 44)
