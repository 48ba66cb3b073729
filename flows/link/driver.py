"""The host's driver of a board: who it is, its counters, inputs to outputs, new numbers for its circuit."""

from __future__ import annotations

from collections.abc import Callable

from flows.errors import FlowError
from flows.link.exchange import Exchange, RefusedError
from flows.link.line import Line, LinkOptions, LinkStatistics
from hw.errors import HardwareError
from hw.registers import Writes
from hw.top.link import protocol
from hw.top.link.identity import Feature, Identity
from hw.top.link.protocol import Counters, Kind, Refusal

PREFIX = "serial:"
DEFAULT_BAUD = 1_000_000
#: Frames on the way when their numbers come round again must long have arrived.
LARGEST_WINDOW = 255
#: Times that an input may get lost on the board, as by its reset, while it comes in pieces.
LOST_INPUTS = 5


def parse_address(address: str, default: int = DEFAULT_BAUD) -> tuple[str, int]:
    """`serial:/dev/ttyUSB0@115200` -> port and baud rate (`default` where none is given). Raises FlowError."""
    port, at, baud = address.removeprefix(PREFIX).partition("@")
    if not address.startswith(PREFIX) or not port or (at and not (baud.isdecimal() and int(baud))):
        raise FlowError(f"expected serial:PORT or serial:PORT@BAUD, got {address!r}")
    return port, int(baud) if at else default


class BoardLink:
    """An open board; a context manager. `identity`: what it says of itself. `line`: the serial line to it.

    `port`: the serial port's path. Every answer is checked by CRC-32 and belongs to the very request whose sequence
    number it carries: a request is repeated until its own answer has come, or given up. Raises FlowError where there
    is no port, no board or no answer.
    """

    def __init__(self, port: str, *, baud: int = DEFAULT_BAUD, options: LinkOptions | None = None) -> None:
        self.port = port
        self.line = Line(port, baud, options or LinkOptions())
        try:
            self.identity = self._identify()
            longest = max(self._output_bytes, 255)
            self.line.expect(min(self.identity.window, LARGEST_WINDOW), longest)
        except BaseException:
            self.line.close()
            raise

    def _identify(self) -> Identity:
        try:
            return Identity.parse(self._ask(Kind.HELLO))
        except HardwareError as error:
            raise FlowError(f"{self.port}: {error}") from error

    @property
    def statistics(self) -> LinkStatistics:
        """Of the line."""
        return self.line.statistics

    @property
    def _output_bytes(self) -> int:
        return 4 * self.identity.output.elements

    def ping(self) -> None:
        """Returns when the board has answered. Raises FlowError where it does not."""
        self._ask(Kind.PING)

    def counters(self) -> Counters:
        """What the board has counted since its reset."""
        return Counters.parse(self._ask(Kind.COUNTERS))

    def update(self, writes: Writes, progress: Callable[[int], None] = lambda done: None) -> None:
        """Rewrites numbers of the circuit, (address, data) of `hw.registers`; none is used before all have come.

        Raises FlowError where the board has none to be written, or stopped answering: its numbers may then be mixed,
        and it may wait for the rest; all of them must be written again.
        """
        if Feature.THRESHOLDS not in self.identity.features:
            raise FlowError(f"{self.port}: expected a circuit with writable numbers; compile it with compile.writable")
        words = [protocol.encode_word(*pair, place == len(writes) - 1) for place, pair in enumerate(writes)]
        # The last one begins to count when it comes: no other may be repeated behind it.
        for part in (words[:-1], words[-1:]):
            Exchange(self.line, Kind.THRESHOLDS, part, 0, progress).run()

    def infer(self, inputs: list[bytes], progress: Callable[[int], None] = lambda done: None) -> list[bytes]:
        """The output elements of every input, as `protocol.words` reads them; in the inputs' order.

        `inputs`: one byte per element of the network's input each; whole or, where the line is so bad that this is
        cheaper and the board can do it, in pieces. `progress` gets the number answered. Raises FlowError for another
        length, a request that the board refuses, or one that stayed without an answer.
        """
        wanted = self.identity.input.elements
        if wrong := next((len(data) for data in inputs if len(data) != wanted), None):
            raise FlowError(f"{self.port}: expected inputs of {wanted} bytes ({self.identity.input}), got {wrong}")
        outputs: dict[int, bytes] = {}
        while left := [place for place in range(len(inputs)) if place not in outputs]:
            if self._sends_whole():
                outputs |= self._infer_whole(inputs, left, progress)
            else:
                outputs[left[0]] = self._infer_in_pieces(inputs[left[0]])
                progress(len(outputs))
        return [outputs[place] for place in range(len(inputs))]

    def _sends_whole(self) -> bool:
        elements = self.identity.input.elements
        return Feature.PIECES not in self.identity.features or self.line.quality.prefers_whole(
            elements, self._output_bytes
        )

    def _infer_whole(self, inputs: list[bytes], places: list[int], progress: Callable[[int], None]) -> dict[int, bytes]:
        """Outputs by place; not of all `places` where the line became bad."""
        before = len(inputs) - len(places)
        payloads = [inputs[place] for place in places]
        exchange = Exchange(
            self.line,
            Kind.INFER,
            payloads,
            self._output_bytes,
            lambda done: progress(before + done),
            self._sends_whole,
        )
        return {places[i]: output for i, output in exchange.run().items()}

    def _infer_in_pieces(self, data: bytes) -> bytes:
        for _ in range(LOST_INPUTS):
            Exchange(self.line, Kind.PIECE, protocol.pieces(data), 0).run()
            try:
                return Exchange(self.line, Kind.RUN, [protocol.checksum(data)], self._output_bytes).run()[0]
            except RefusedError as error:
                if error.refusal is not Refusal.INCOMPLETE:
                    raise
        raise FlowError(
            f"{self.port}: expected the board to keep an input that came in pieces, it lost {LOST_INPUTS} of them; is "
            "it reset again and again, or has it another user?"
        )

    def close(self) -> None:
        """Gives the port back."""
        self.line.close()

    def __enter__(self) -> BoardLink:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, kind: Kind) -> bytes:
        return Exchange(self.line, kind, [b""]).run()[0]
