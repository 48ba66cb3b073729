"""What an exchange does when answers stay away, on a line whose other end is written down here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.link.exchange import Exchange, RefusedError
from flows.link.line import LinkOptions, LinkStatistics
from flows.link.quality import Quality
from hw.top.link import protocol
from hw.top.link.protocol import ANSWER, Decoder, Frame, Kind, Refusal, encode_frame


class WrittenLine:
    """`answer` gives the answers to each request; nothing ever times out."""

    def __init__(self, answer: Callable[[Frame], list[bytes]], *, noisy: bool = False) -> None:
        self.port, self.window, self.options = "port", 3, LinkOptions(timeout_s=60)
        self.statistics, self.quality = LinkStatistics(), Quality()
        if noisy:
            self.quality.count(59, lost=True)
        self.sent: list[Kind] = []
        self._answer, self._coming, self._sequence = answer, b"", 0

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def write(self, frame: bytes) -> None:
        (request,) = Decoder().feed(frame)
        self.sent.append(Kind(request.kind))
        self._coming += b"".join(self._answer(request))

    def read(self) -> list[Frame]:
        coming, self._coming = self._coming, b""
        return Decoder().feed(coming)


def done(request: Frame, payload: bytes = b"") -> bytes:
    return encode_frame(request.kind | ANSWER, request.sequence, payload)


def lossy(lost: int) -> Callable[[Frame], list[bytes]]:
    """A board that does not hear the first `lost` INFERs."""
    heard = iter([False] * lost + [True] * 99)
    return lambda request: [done(request)] if request.kind != Kind.INFER or next(heard) else []


def test_a_ping_tells_what_got_lost_on_a_bad_line() -> None:
    line = WrittenLine(lossy(2), noisy=True)
    assert Exchange(line, Kind.INFER, [b"x"], 0).run() == {0: b""}
    assert line.sent.count(Kind.INFER) == 3 and Kind.PING in line.sent
    assert (line.statistics.repeated, line.statistics.timeouts) == (2, 0)


def test_no_pings_on_a_good_line() -> None:
    line = WrittenLine(lossy(0))
    assert list(Exchange(line, Kind.INFER, [b"x"] * 5, 0).run()) == [0, 1, 2, 3, 4]
    assert line.sent == [Kind.INFER] * 5 and not line.quality.noisy


def test_losses_make_a_line_bad() -> None:
    line = WrittenLine(lossy(1))
    Exchange(line, Kind.INFER, [b"x"] * 2, 0).run()
    assert line.quality.noisy


def test_an_intact_request_that_is_refused_is_not_repeated() -> None:
    def refuse(request: Frame) -> list[bytes]:
        return [encode_frame(Kind.ERROR, request.sequence, bytes([Refusal.INCOMPLETE]))]

    line = WrittenLine(refuse)
    with pytest.raises(RefusedError, match="the board refused RUN: INCOMPLETE") as refused:
        Exchange(line, Kind.RUN, [protocol.checksum(b"x")], 4).run()
    assert refused.value.refusal is Refusal.INCOMPLETE and line.statistics.sent == 1


def test_an_exchange_ends_when_it_is_not_worth_while_any_more() -> None:
    line = WrittenLine(lossy(0))
    exchange = Exchange(line, Kind.INFER, [b"x"] * 9, 0, worthwhile=lambda: line.statistics.sent < 4)
    answers = exchange.run()
    assert 0 < len(answers) < 9


def test_pieces_and_checksum_of_an_input() -> None:
    data = bytes(range(70))
    pieces = protocol.pieces(data)
    assert [int.from_bytes(piece[:2], "little") for piece in pieces] == [0, 1, 2]
    assert b"".join(piece[2:] for piece in pieces) == data and max(map(len, pieces)) == 34
    assert protocol.checksum(b"123456789") == (0xCBF43926).to_bytes(4, "little")
