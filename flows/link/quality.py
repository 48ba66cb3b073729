"""How bad a line is, from what became of the requests on it, and what that says about the length of frames."""

from __future__ import annotations

from hw.top.link.protocol import FRAME_BYTES, NUMBER_BYTES, PIECE_BYTES, RUN_BYTES

#: Bytes after which what happened counts half.
HALF_LIFE = 20_000
#: A line is taken for good at first: as if this many bytes had arrived.
PRIOR_BYTES = 4_000
#: From this rate on, what may have been lost is asked for instead of waited for.
QUIET_RATE = 1e-4


class Quality:
    """`rate`: estimated share of bytes that get damaged, either way: losses by bytes sent and awaited, in which the
    latest count most."""

    def __init__(self) -> None:
        self._bytes, self._losses = float(PRIOR_BYTES), 0.0

    @property
    def rate(self) -> float:
        return min(self._losses / self._bytes, 0.5)

    @property
    def noisy(self) -> bool:
        return self.rate > QUIET_RATE

    def count(self, size: int, *, lost: bool) -> None:
        """A request and its answer, of `size` bytes together, came through or got lost."""
        faded = 0.5 ** (size / HALF_LIFE)
        self._bytes = self._bytes * faded + size
        self._losses = self._losses * faded + lost

    def prefers_whole(self, input_bytes: int, answer_bytes: int) -> bool:
        """Whether an input in one frame takes fewer bytes to the board than one in pieces, repetitions counted.

        A frame of n bytes whose answer has m arrives and is answered with probability (1 - rate)^(n + m).
        """
        answer = FRAME_BYTES + answer_bytes
        pieces = -(-input_bytes // PIECE_BYTES)
        in_pieces = pieces * self._cost(NUMBER_BYTES + PIECE_BYTES, FRAME_BYTES) + self._cost(RUN_BYTES, answer)
        return self._cost(input_bytes, answer) <= in_pieces

    def _cost(self, payload_bytes: int, answer_bytes: int) -> float:
        request = FRAME_BYTES + payload_bytes
        return request * (1 - self.rate) ** -(request + answer_bytes)
