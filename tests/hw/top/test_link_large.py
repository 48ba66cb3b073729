"""Inputs so large that each place of the link's buffer is a memory of its own."""

from __future__ import annotations

import numpy as np
import pytest

from hw.boards import top
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec
from hw.top.link import protocol
from hw.top.link.protocol import FRAME_BYTES, Kind, encode_request
from tests.hw.top.board_at_pins import Board, verilate

pytestmark = pytest.mark.sim

PIXELS = 2053  # above 2^11, and no whole number of pieces


def network() -> Dataflow:
    weights = np.random.default_rng(3).integers(-2, 2, (2, PIXELS))
    matvec = MatVec("dense", (), weights, IntType.parse("INT2"), IntType.parse("UINT8"), pe=1, simd=1)
    return Dataflow("large", (matvec, Argmax("label", 2, matvec.output.dtype, True)))


def test_every_place_holds_its_own_input(tmp_path, monkeypatch):
    dataflow = network()
    program = verilate(dataflow, tmp_path, 4)
    pictures = np.random.default_rng(5).integers(0, 256, (top.SLOTS + 2, PIXELS), dtype=np.uint8)
    expected = [dataflow.golden(picture[None])[0].tolist() for picture in pictures]
    assert len({tuple(scores) for scores in expected}) == len(expected)
    monkeypatch.chdir(program.parent / "rtl")
    board = Board(program)
    try:
        first, second, *whole = pictures
        for number, payload in enumerate(protocol.pieces(first.tobytes())):
            board.send(encode_request(Kind.PIECE, number, payload))
            board.frames(FRAME_BYTES)
        for number, picture in enumerate(whole):
            board.send(encode_request(Kind.INFER, 200 + number, picture.tobytes()))
        board.send(encode_request(Kind.RUN, 300, protocol.checksum(first.tobytes())))
        frames = board.frames()
        board.send(encode_request(Kind.INFER, 301, second.tobytes()))
        frames += board.frames()
    finally:
        board.close()
    assert [frame.sequence for frame in frames] == [*range(200, 200 + len(whole)), 300, 301]
    for frame, scores in zip(frames, [*expected[2:], expected[0], expected[1]], strict=True):
        assert protocol.words(frame.payload).tolist() == scores
