"""A list of requests on a line that may lose and change bytes, each sent until it is answered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from flows.errors import FlowError
from flows.link.line import IDLE, Line
from flows.link.window import Window
from hw.errors import HardwareError
from hw.top.link import protocol
from hw.top.link.protocol import ANSWER, DAMAGED, FRAME_BYTES, Frame, Kind, LinkError, Refusal


class RefusedError(FlowError):
    """The board refused an intact request; `refusal` says why."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


class Exchange:
    """Requests of one kind. `length`: bytes of each answer's payload, None for any. `progress` gets the number
    answered. `worthwhile` is asked again and again, and ends the exchange early."""

    def __init__(
        self,
        line: Line,
        kind: Kind,
        payloads: list[bytes],
        length: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
        worthwhile: Callable[[], bool] = lambda: True,
    ) -> None:
        self.line, self.kind, self.payloads, self.length, self.progress = line, kind, payloads, length, progress
        self.worthwhile = worthwhile
        self.numbers = [line.next_sequence() for _ in payloads]
        self.places: dict[int, int] = {}
        self.probes: set[int] = set()
        self.window = Window(line.window)
        self.waiting = deque(range(len(payloads)))
        self.attempts = [0] * len(payloads)
        self.answers: dict[int, bytes] = {}
        self.refusal: Refusal | None = None

    def run(self) -> dict[int, bytes]:
        """Answers' payloads by place in the list; of all requests, unless it was ended early.

        Raises RefusedError for an intact request that the board refuses, FlowError where nobody answers.
        """
        last_heard, silences = time.monotonic(), 0
        while len(self.answers) < len(self.payloads) and self.worthwhile():
            if self._send():
                last_heard = time.monotonic()
            for frame in self.line.read():
                last_heard, silences = time.monotonic(), 0
                self._take(frame)
            if time.monotonic() - last_heard > self.line.options.timeout_s:
                self.line.statistics.timeouts += 1
                silences += 1
                if silences >= self.line.options.silences:
                    raise FlowError(
                        self._complaint(next(i for i in range(len(self.payloads)) if i not in self.answers))
                    )
                # A partial frame would swallow the answers to come.
                self.line.forget_partial_frame()
                self._repeat(self.window.give_up())
                last_heard = time.monotonic()
        return self.answers

    def _send(self) -> bool:
        """Fills the window; whether anything was sent."""
        sent = False
        while self.waiting and self.window.free:
            place = self.waiting.popleft()
            if place in self.answers:
                continue
            if self.attempts[place] >= self.line.options.attempts:
                raise FlowError(self._complaint(place))
            self.line.statistics.repeated += self.attempts[place] > 0
            self.attempts[place] += 1
            number = self.numbers[place]
            self.places[number] = place
            self._transmit(self.kind, number, self.payloads[place])
            sent = True
        return self._probe() or sent

    def _probe(self) -> bool:
        """On a bad line, fills the window with PINGs behind the last request: an answer to one of them tells at once
        that what was sent before it got lost, and nobody waits for the timeout."""
        sent = False
        while self.line.quality.noisy and self.window.free and (sent or self.window.last in self.places):
            number = self.line.next_sequence()
            self.probes.add(number)
            self._transmit(Kind.PING, number, b"")
            sent = True
        return sent

    def _transmit(self, kind: Kind, number: int, payload: bytes) -> None:
        self.line.statistics.sent += 1
        self.line.write(protocol.encode_request(kind, number, payload))
        self.window.send(number)

    def _complaint(self, place: int) -> str:
        said = f"; it refused with {self.refusal.name}" if self.refusal else ""
        return (
            f"{self.line.port}: expected an answer to {self.kind.name} {place + 1} of {len(self.payloads)}, got none "
            f"in {self.attempts[place]} attempts{said}; check the cable, the baud rate and what is loaded, or reset it"
        )

    def _take(self, frame: Frame) -> None:
        if frame.sequence in self.probes and frame.kind == Kind.PING | ANSWER:
            if frame.sequence in self.window:
                self._repeat(self.window.answered(frame.sequence))
            return
        place = self.places.get(frame.sequence)
        try:
            payload = protocol.answer_payload(frame, self.kind)
        except LinkError as error:
            self._refused(frame, error)
            return
        except HardwareError as error:
            if frame.version != protocol.VERSION:
                raise FlowError(f"{self.line.port}: {error}") from error
            self.line.statistics.unexpected += 1
            return
        if place is None or place in self.answers:
            self.line.statistics.unexpected += 1
        if frame.sequence in self.window:
            self._count(place, lost=False)
            self._repeat(self.window.answered(frame.sequence))
        if place is None:
            return
        if self.length is not None and len(payload) != self.length:
            raise FlowError(
                f"{self.line.port}: expected answers of {self.length} bytes, got {len(payload)}: another bitstream was "
                "loaded since the board was asked who it is; open it again"
            )
        if place not in self.answers:
            self.answers[place] = payload
            self.progress(len(self.answers))

    def _refused(self, frame: Frame, error: LinkError) -> None:
        self.line.statistics.refused += 1
        self.refusal = error.refusal
        known = frame.sequence in self.window
        if error.refusal not in DAMAGED:
            if known:
                raise RefusedError(error.refusal, f"{self.line.port}: {error}") from error
        elif error.refusal is Refusal.TRUNCATED:
            # The line was silent: all that was sent before has been judged.
            self._repeat(self.window.give_up())
        elif known:
            self._repeat([*self.window.answered(frame.sequence), frame.sequence])

    def _repeat(self, lost: list[int]) -> None:
        """Puts lost requests in front, the oldest first."""
        places = dict.fromkeys(self.places[number] for number in lost if number in self.places)
        for place in places:
            self._count(place, lost=True)
        self.waiting.extendleft(place for place in reversed(places) if place not in self.answers)

    def _count(self, place: int, *, lost: bool) -> None:
        answer = FRAME_BYTES + (self.length or 0)
        self.line.quality.count(len(IDLE) + FRAME_BYTES + len(self.payloads[place]) + answer, lost=lost)
