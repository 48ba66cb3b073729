"""A board that is simulated down to its pins, at a pseudo-terminal: for the host a serial port like any other."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import tty
from pathlib import Path

from flows.errors import FlowError
from flows.link.noise import Noise
from flows.simulate.board import LinkTiming, build_board
from hw.boards.board import Board
from hw.dataflow import Dataflow

CHUNK = 4096
POLL_SECONDS = 0.2
CLOSE_SECONDS = 10


class SimulatedBoard:
    """The real top level of `board` with `dataflow` in it, its UART at a pseudo-terminal; a context manager.

    `port`: the terminal's path. `noise`: share of bytes lost or changed in each direction, drawn from `seed`; `seed`
    also sets the registers before the reset. `folder`: for the build, which is kept there. `damaged`: bytes lost or
    changed so far, (to the board, from it). Raises FlowError and HardwareError as `build_board` does.
    """

    def __init__(
        self,
        dataflow: Dataflow,
        board: Board,
        folder: Path,
        *,
        clock_mhz: float,
        timing: LinkTiming | None = None,
        noise: float = 0.0,
        seed: int = 1,
    ) -> None:
        self.noise, self.seed = noise, seed
        self._noise = Noise(noise, 2 * seed), Noise(noise, 2 * seed + 1)
        program = build_board(dataflow, board, folder, clock_mhz=clock_mhz, timing=timing or LinkTiming())
        self._terminal, self._other_end = os.openpty()
        tty.setraw(self._other_end)
        self.port = os.ttyname(self._other_end)
        self._line, theirs = socket.socketpair()
        os.set_blocking(self._terminal, False)  # a write that fits only in part takes that part
        self._line.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [program.resolve(), str(seed)],
                cwd=folder / "rtl",
                stdin=theirs,
                stdout=theirs,
                stderr=subprocess.PIPE,
            )
        self._stop = threading.Event()
        line = self._line.fileno()
        self._pumps = [
            threading.Thread(target=self._pump, args=(self._terminal, line, self._noise[0]), daemon=True),
            threading.Thread(target=self._pump, args=(line, self._terminal, self._noise[1]), daemon=True),
        ]
        for pump in self._pumps:
            pump.start()

    @property
    def damaged(self) -> tuple[int, int]:
        return self._noise[0].damaged, self._noise[1].damaged

    def wait(self) -> None:
        """Returns when the simulation has ended, which it does only by a fault. Raises FlowError with its message."""
        _, errors = self._process.communicate()
        raise FlowError(f"the simulated board stopped: {errors.decode().strip() or 'no message'}")

    def close(self) -> None:
        """Ends the simulation and takes the terminal away."""
        if self._stop.is_set():
            return
        self._stop.set()
        for pump in self._pumps:
            pump.join()
        self._line.close()  # the program ends with its input
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()
        os.close(self._terminal)
        os.close(self._other_end)

    def _pump(self, source: int, sink: int, noise: Noise) -> None:
        while not self._stop.is_set():
            if not select.select([source], [], [], POLL_SECONDS)[0]:
                continue
            data = os.read(source, CHUNK)
            if not data:  # the simulation has ended
                return
            data = noise(data)
            while data and not self._stop.is_set():
                if select.select([], [sink], [], POLL_SECONDS)[1]:
                    data = data[os.write(sink, data) :]

    def __enter__(self) -> SimulatedBoard:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
