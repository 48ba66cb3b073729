"""Inputs that come in pieces, at the pins of a Verilated board top: computed as they were meant, or not at all."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from hw.boards import top
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.matvec.matvec import MatVec
from hw.top.link import protocol
from hw.top.link.identity import Feature
from hw.top.link.protocol import FRAME_BYTES, Frame, Kind, LinkError, Refusal, encode_frame, encode_request
from tests.hw.top.board_at_pins import Board, verilate

pytestmark = pytest.mark.sim

PIXELS, ELEMENTS = 140, 6
UINT8 = IntType.parse("UINT8")


def network() -> Dataflow:
    """140 pixels, four whole pieces and a short one, to 5 scores and their label; the long name makes HELLO slow."""
    weights = np.random.default_rng(3).integers(-8, 8, (5, PIXELS))
    matvec = MatVec("dense", (), weights, IntType.parse("INT4"), UINT8, pe=1, simd=1)
    return Dataflow("n" * 60, (matvec, Argmax("label", 5, matvec.output.dtype, True)))


def pictures(count: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, PIXELS), dtype=np.uint8)


def golden(picture: np.ndarray) -> list[int]:
    return network().golden(picture[None])[0].tolist()


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return verilate(network(), tmp_path_factory.mktemp("board"), 4)


@pytest.fixture
def board(program, monkeypatch):
    monkeypatch.chdir(program.parent / "rtl")
    board = Board(program)
    yield board
    board.close()


def requests(picture: np.ndarray, sequence: int = 0) -> list[bytes]:
    """The frames of its pieces."""
    payloads = protocol.pieces(picture.tobytes())
    return [encode_request(Kind.PIECE, sequence + i, payload) for i, payload in enumerate(payloads)]


def run_request(picture: np.ndarray, sequence: int = 99) -> bytes:
    return encode_request(Kind.RUN, sequence, protocol.checksum(picture.tobytes()))


def put(board: Board, frames: list[bytes]) -> None:
    """Sends pieces and takes their acknowledgements."""
    for frame in frames:
        board.send(frame)
        (answer,) = board.frames(FRAME_BYTES)
        assert answer == Frame(3, Kind.PIECE | protocol.ANSWER, int.from_bytes(frame[4:6], "little"), b"")


def run(board: Board, picture: np.ndarray) -> list[int] | Refusal:
    board.send(run_request(picture))
    (frame,) = board.frames()
    assert frame.sequence == 99
    try:
        return protocol.words(protocol.answer_payload(frame, Kind.RUN)).tolist()
    except LinkError as refused:
        return refused.refusal


def test_pieces_in_any_order_are_computed_when_all_are_there(board):
    first, second = pictures(2)
    frames = requests(first)
    assert len(frames) == 5
    for some in (frames[3:], frames[:1], frames[1:2] * 3):
        put(board, some)
        assert run(board, first) is Refusal.INCOMPLETE
    put(board, frames[2:3])
    assert run(board, first) == golden(first)
    assert run(board, first) == golden(first)  # an answer that got lost is had again
    assert run(board, second) is Refusal.INCOMPLETE
    put(board, requests(second))
    assert run(board, second) == golden(second) != golden(first)


@pytest.mark.parametrize("place", [0, 4, 8, 9, 10, 41, 45])
def test_a_damaged_piece_changes_nothing(board, place):
    first, second = pictures(2)
    put(board, requests(first))
    damaged = bytearray(requests(second)[1])
    damaged[place] ^= 1
    board.send(bytes(damaged))
    assert board.frames() == [] if place == 0 else board.refusal() is Refusal.BAD_CRC
    board.send(requests(second)[1][:-5])
    assert board.refusal() is Refusal.TRUNCATED
    assert run(board, first) == golden(first)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (encode_frame(Kind.PIECE, 5), Refusal.BAD_LENGTH),
        (encode_frame(Kind.PIECE, 5, bytes(2)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.PIECE, 5, bytes(35)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.RUN, 5, bytes(3)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.RUN, 5, bytes(5)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.RUN, 5, bytes(4)), Refusal.INCOMPLETE),
        (encode_frame(Kind.THRESHOLDS, 5, bytes(8)), Refusal.NOT_SUPPORTED),
    ],
)
def test_bad_requests_are_refused(board, frame, refusal):
    (picture,) = pictures(1)
    put(board, requests(picture))
    board.send(frame)
    assert board.refusal() is refusal
    assert run(board, picture) == golden(picture)


def test_a_number_beyond_the_input_is_shown_by_the_checksum(board):
    (picture,) = pictures(1)
    put(board, requests(picture))
    beyond = struct.pack("<H", 8) + bytes(32)  # comes round to the first piece
    board.send(encode_request(Kind.PIECE, 1, beyond))
    board.frames(FRAME_BYTES)
    assert run(board, picture) is Refusal.INCOMPLETE


def test_whole_inputs_in_between(board):
    pieces, *whole = pictures(4)
    infers = [encode_request(Kind.INFER, 10 + i, picture.tobytes()) for i, picture in enumerate(whole)]
    frames = requests(pieces)
    board.send(frames[0] + frames[1] + infers[0] + frames[2] + frames[3] + infers[1] + frames[4] + infers[2])
    board.send(run_request(pieces))
    answers = {frame.sequence: frame for frame in board.frames()}
    assert list(answers) == [0, 1, 10, 2, 3, 11, 4, 12, 99]
    for sequence, picture in zip((10, 11, 12, 99), (*whole, pieces), strict=True):
        assert protocol.words(answers[sequence].payload).tolist() == golden(picture)


def test_what_comes_while_a_run_waits_is_dropped(board):
    """Five long answers are before it; nothing written behind it can become part of its input."""
    first, second = pictures(2)
    put(board, requests(first))
    for sequence in range(5):
        board.send(encode_request(Kind.HELLO, sequence))
    board.send(run_request(first, 50) + requests(second, 60)[0] + run_request(first, 51))
    frames = board.frames()
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3, 4, 50]
    assert protocol.words(protocol.answer_payload(frames[-1], Kind.RUN)).tolist() == golden(first)
    assert board.counters().overrun == 2
    assert run(board, first) == golden(first)


def test_any_order_of_anything_gives_the_named_input_or_none(board):
    """Pieces of three pictures, damaged ones, resets and noise in random order: a RUN that is carried out is right."""
    random = np.random.default_rng(8)
    images = pictures(3, seed=6)
    frames = [requests(picture) for picture in images]
    computed = refused = 0
    for _ in range(40):
        which = int(random.integers(3))
        for piece in random.permutation(5):
            other = which if random.random() < 0.97 else int(random.integers(3))
            frame = bytearray(frames[other][piece])
            if random.random() < 0.1:
                frame[int(random.integers(len(frame)))] ^= int(random.integers(1, 256))
            if random.random() < 0.05:
                del frame[int(random.integers(len(frame)))]
            board.send(bytes(frame))
        if random.random() < 0.1:
            board.command("r")
        board.silence()
        board.frames()
        result = run(board, images[which])
        if result is Refusal.INCOMPLETE:
            refused += 1
        else:
            computed += 1
            assert result == golden(images[which])
    assert computed > 5 and refused > 5


def test_only_large_inputs_come_in_pieces():
    def features(elements: int) -> Feature:
        matvec = MatVec("dense", (), np.ones((2, elements), int), IntType.parse("INT2"), UINT8, pe=1, simd=1)
        return top.identity(Dataflow("net", (matvec,)), load("ulx3s_85f"), clock_mhz=25.0).features

    assert features(top.WHOLE_BYTES) == Feature(0)
    assert features(top.WHOLE_BYTES + 1) == Feature.PIECES
