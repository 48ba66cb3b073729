"""The unchanged driver against the whole simulated board, through a pseudo-terminal, with and without damage."""

from __future__ import annotations

import os
import tty
from contextlib import contextmanager

import numpy as np
import pytest
import serial

from flows.attack.square import Square
from flows.errors import FlowError
from flows.link.driver import BoardLink
from flows.link.line import LinkOptions
from flows.targets.serial_target import SerialTarget
from flows.targets.target import Target
from hw.boards import top
from hw.boards.board import load
from hw.top.link import protocol
from hw.top.link.protocol import Kind
from tests.flows.link.small_circuit import classifier, pictures

pytestmark = pytest.mark.sim

QUICK = LinkOptions(timeout_s=0.3, silences=100)  # a busy machine is slow


@contextmanager
def nobody():
    """A port at whose other end nobody answers; gives its path and the other end."""
    terminal, other_end = os.openpty()
    tty.setraw(other_end)
    yield os.ttyname(other_end), terminal
    os.close(terminal)
    os.close(other_end)


def scores(images: np.ndarray) -> np.ndarray:
    dataflow = classifier()
    return dataflow.result(dataflow.golden(images.transpose(0, 2, 3, 1).reshape(len(images), 12))).scores


def test_a_quiet_line(simulate):
    images = pictures(50)
    with simulate() as board, SerialTarget(f"serial:{board.port}", classifier()) as target:
        assert isinstance(target, Target) and target.name == f"serial:{board.port}"
        assert target.link.identity == top.identity(classifier(), load("ulx3s_85f"), clock_mhz=25.0)
        np.testing.assert_array_equal(target.predict(images), scores(images))
        assert target.queries == 50
        target.link.ping()
        line = target.link.statistics
        assert (line.sent, line.repeated, line.timeouts, line.discarded) == (52, 0, 0, 0)
        counters = target.link.counters()
        assert counters.accepted == 53 and counters.overrun == counters.bad_crc == 0
        with pytest.raises(FlowError, match="expected a circuit with writable numbers; compile it with compile.writ"):
            target.link.update([(0, 0)])


@pytest.mark.parametrize("seed", [1, 2])
def test_no_wrong_score_with_one_byte_in_a_hundred_damaged(simulate, seed):
    images = pictures(300)
    with simulate(noise=0.01, seed=seed) as board:
        with SerialTarget(f"serial:{board.port}", classifier(), options=QUICK) as target:
            np.testing.assert_array_equal(target.predict(images), scores(images))
            line, counters = target.link.statistics, target.link.counters()
        assert min(board.damaged) > 50  # there was something to recover from, in both directions
    assert line.repeated > 50 and line.discarded > 100
    assert counters.bad_crc > 10


def test_a_line_that_is_too_bad_is_reported_and_gives_no_score(simulate):
    with simulate() as board, SerialTarget(f"serial:{board.port}", classifier()) as target:
        target.link.line.options = LinkOptions(timeout_s=0.05, attempts=3, silences=100)
        for noise in board._noise:
            noise.rate = 0.5
        with pytest.raises(FlowError, match=r"expected an answer to INFER \d+ of 20, got none in 3 attempts"):
            target.predict(pictures(20))


def test_recovery_from_random_bytes_and_from_another_program(simulate):
    images = pictures(20)
    with simulate() as board:
        with serial.Serial(board.port, 1_000_000) as port:
            port.write(np.random.default_rng(3).integers(0, 256, 3000, dtype=np.uint8).tobytes())
            # Its answers are still to come when it is gone, and its last request stays unfinished.
            codes = [image.transpose(1, 2, 0).tobytes() for image in images[:4]]
            port.write(b"".join(protocol.encode_request(Kind.INFER, i, data) for i, data in enumerate(codes)))
            port.write(protocol.encode_request(Kind.INFER, 9, codes[0])[:-3])
            port.flush()
        with SerialTarget(f"serial:{board.port}", classifier(), options=QUICK) as target:
            np.testing.assert_array_equal(target.predict(images), scores(images))


def test_a_late_answer_is_not_taken_for_another_requests(simulate):
    """Every answer comes after its timeout, so that each request is repeated and answered several times."""
    images = pictures(30)
    options = LinkOptions(timeout_s=0.0005, attempts=1000, silences=1000)
    with simulate() as board, SerialTarget(f"serial:{board.port}", classifier()) as target:
        target.link.line.options = options
        np.testing.assert_array_equal(target.predict(images), scores(images))
        assert target.link.statistics.timeouts > 0


def test_more_requests_than_sequence_numbers(simulate):
    with simulate() as board, BoardLink(board.port) as link:
        link.line._sequence = protocol.SEQUENCE_NUMBERS - 10
        images = pictures(30).transpose(0, 2, 3, 1).reshape(30, 12)
        answers = [protocol.words(data) for data in link.infer([image.tobytes() for image in images])]
    np.testing.assert_array_equal(np.array(answers), classifier().golden(images))


def test_square_attack_through_the_board(simulate):
    images = pictures(4)
    labels = scores(images).argmax(axis=1)
    with simulate() as board, SerialTarget(f"serial:{board.port}", classifier()) as target:
        batch = Square(queries=30, seed=1)(target, images, labels, 0.3)
        assert target.queries == batch.queries.sum() > 0
        np.testing.assert_array_equal(scores(batch.images).argmax(axis=1) != labels, batch.success)


def test_another_networks_board_is_refused(simulate):
    with simulate() as board, pytest.raises(FlowError, match=r"expected a board with classifier .* load this run's"):
        SerialTarget(f"serial:{board.port}", classifier(seed=4))


def test_another_build_of_the_same_network_is_refused(simulate):
    built = top.identity(classifier(), load("ulx3s_85f"), clock_mhz=25.0).build_id
    with simulate() as board:
        with SerialTarget(f"serial:{board.port}", classifier(), build_id=built) as target:
            assert target.link.identity.build_id == built
        with pytest.raises(
            FlowError, match=f"expected build {1:016x} of classifier, the board holds build {built:016x}"
        ):
            SerialTarget(f"serial:{board.port}", classifier(), build_id=1)


def test_inputs_of_another_length(simulate):
    with simulate() as board, BoardLink(board.port) as link:
        with pytest.raises(FlowError, match=r"expected inputs of 12 bytes \(12 UINT8\), got 11"):
            link.infer([bytes(12), bytes(11)])


def test_a_port_is_opened_by_one_program(simulate):
    with simulate() as board, BoardLink(board.port), pytest.raises(FlowError, match="expected a serial port at"):
        BoardLink(board.port)


def test_no_board_and_no_port():
    with (
        nobody() as (port, _),
        pytest.raises(FlowError, match="an answer to HELLO 1 of 1, got none in 2 attempts; check"),
    ):
        BoardLink(port, options=LinkOptions(timeout_s=0.05, silences=2))
    with pytest.raises(FlowError, match="/dev/no-such-port: expected a serial port at 9600 baud, got"):
        SerialTarget("serial:/dev/no-such-port@9600", classifier())


def test_a_board_with_another_protocol():
    with nobody() as (port, terminal):
        # Found when HELLO is asked, whatever its number.
        options = LinkOptions(timeout_s=0.5, attempts=1)
        opened = serial.Serial.reset_input_buffer

        def answer(self):
            opened(self)
            os.write(terminal, protocol.encode_frame(Kind.HELLO | protocol.ANSWER, 1, b"", version=4))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(serial.Serial, "reset_input_buffer", answer)
            with pytest.raises(FlowError, match="expected protocol version 3, the board speaks 4"):
                BoardLink(port, options=options)


@pytest.mark.parametrize("address", ["/dev/ttyUSB0", "serial:", "serial:/dev/ttyUSB0@fast", "serial:/dev/ttyUSB0@0"])
def test_addresses(address):
    with pytest.raises(FlowError, match="expected serial:PORT or serial:PORT@BAUD, got"):
        SerialTarget(address, classifier())


def test_options():
    with pytest.raises(FlowError, match="timeout above 0 s, at least 1 attempt and 1 silence"):
        LinkOptions(timeout_s=0)
