"""A board on a serial port as a target."""

from __future__ import annotations

import numpy as np

from flows.errors import FlowError
from flows.link.driver import DEFAULT_BAUD, PREFIX, BoardLink, parse_address
from flows.link.line import LinkOptions
from flows.targets.layout import to_codes
from hw.boards.top import network_id
from hw.dataflow import Dataflow
from hw.registers import contents, writes
from hw.top.link.identity import Feature, Layout
from hw.top.link.protocol import words


class SerialTarget:
    """The board at `serial:PORT` or `serial:PORT@BAUD`, with `dataflow` in it; a context manager.

    `dataflow`: of the bitstream. Where its numbers can be rewritten, all are, as nobody knows what was written before;
    another one after `update`. `build_id`: of the bitstream that must be in it, None for any of this network. `baud`:
    where the address has none. Raises FlowError for another address, no board there, or a board that holds another
    network or build.
    """

    def __init__(
        self,
        address: str,
        dataflow: Dataflow,
        *,
        build_id: int | None = None,
        baud: int = DEFAULT_BAUD,
        options: LinkOptions | None = None,
    ) -> None:
        port, baud = parse_address(address, baud)
        self.name = f"{PREFIX}{port}"
        self.queries = 0
        self._dataflow = dataflow
        self.link = BoardLink(port, baud=baud, options=options)
        try:
            self._check_identity(build_id)
            if Feature.THRESHOLDS in self.link.identity.features:
                self.link.update(contents(dataflow))
        except FlowError:
            self.link.close()
            raise

    def _check_identity(self, build_id: int | None) -> None:
        board, dataflow = self.link.identity, self._dataflow
        if board.network_id != (expected := network_id(dataflow)):
            raise FlowError(
                f"{self.name}: expected a board with {dataflow.name} ({expected:016x}), it holds {board.name} "
                f"({board.network_id:016x}); load this run's bitstream"
            )
        if (board.input, board.output) != (Layout.of(dataflow.input), Layout.of(dataflow.output)):
            raise FlowError(
                f"{self.name}: expected {Layout.of(dataflow.input)} to {Layout.of(dataflow.output)}, the board says "
                f"{board.input} to {board.output}; load this run's bitstream"
            )
        if build_id not in (None, board.build_id):
            raise FlowError(
                f"{self.name}: expected build {build_id:016x} of {dataflow.name}, the board holds build "
                f"{board.build_id:016x}; load the bitstream that was made last"
            )

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError for any other shape or dtype, and for a
        board that stopped answering."""
        return self._dataflow.result(self.outputs(to_codes(images, self._dataflow.input.shape, self.name))).scores

    def outputs(self, codes: np.ndarray) -> np.ndarray:
        """uint8 (N, *input.shape) -> int64 (N, *output.shape): all that the circuit sends."""
        answers = self.link.infer([frame.tobytes() for frame in codes])
        self.queries += len(codes)
        shape = (len(codes), *self._dataflow.output.shape)
        return np.array([words(answer) for answer in answers], dtype=np.int64).reshape(shape)

    def update(self, new: Dataflow) -> int:
        """Rewrites the circuit's numbers so that it computes `new`; returns how many words it took. Raises
        HardwareError where anything else than writable numbers differs, FlowError where the board stopped
        answering."""
        change = writes(self._dataflow, new)
        self.link.update(change)
        self._dataflow = new
        return len(change)

    def close(self) -> None:
        """Gives the port back."""
        self.link.close()

    def __enter__(self) -> SerialTarget:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
