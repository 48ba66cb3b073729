"""The accelerator behind FINN's two DMAs, driven through PYNQ. Runs on the board."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.pynq.interface import Interface

CONTROL, ADDRESS_LOW, ADDRESS_HIGH, FRAMES = 0x00, 0x10, 0x14, 0x1C
"""Registers of a DMA (AMD UG1399, S_AXILITE control; FINN's IODMA has the address and the frames behind them)."""
START, DONE, IDLE = 1, 2, 4
PS_CLOCK_MHZ = 100.0
"""What FINN's clocking wizard expects of the processing system."""
SECONDS = 30.0


class Accelerator:
    """`bitfile`: .bit with its .hwh beside it (Zynq) or .xclbin (Alveo). `frames`: at most in one transfer.

    Raises FlowError where there is no bitfile or no pynq.
    """

    def __init__(self, interface: Interface, bitfile: Path, frames: int = 256) -> None:
        overlay_class, self._allocate = _pynq(bitfile)
        self._interface, self._frames, self._alveo = interface, frames, bitfile.suffix == ".xclbin"
        self._overlay = overlay_class(str(bitfile))
        if not self._alveo:
            from pynq.ps import Clocks

            Clocks.fclk0_mhz = PS_CLOCK_MHZ
        self._input_dma, self._output_dma = self._overlay.idma0, self._overlay.odma0
        self._input, self._output = (self._buffer(port.packed) for port in (interface.input, interface.output))

    def _buffer(self, shape: tuple[int, ...]):
        whole = (self._frames, *shape)
        return self._allocate(shape=whole, dtype=np.uint8, cacheable=not self._alveo)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, C, H, W) -> int64 scores (N, classes). Raises FlowError where the accelerator does not answer."""
        packed = self._interface.encode(images)
        starts = range(0, len(packed), self._frames)
        answers = [self._transfer(packed[start : start + self._frames]) for start in starts]
        return self._interface.decode(np.concatenate(answers))

    def _transfer(self, packed: np.ndarray) -> np.ndarray:
        count = len(packed)
        self._input[:count] = packed
        self._input.flush()
        if self._alveo:
            self._run_alveo(count)
        else:
            self._run_zynq(count)
        self._output.invalidate()
        return np.array(self._output[:count])

    def _run_zynq(self, count: int) -> None:
        if not self._output_dma.read(CONTROL) & IDLE:
            raise FlowError("expected an idle accelerator, it still answers an earlier request; load the bitfile again")
        for dma, buffer in ((self._output_dma, self._output), (self._input_dma, self._input)):
            dma.write(ADDRESS_LOW, buffer.device_address & 0xFFFFFFFF)
            dma.write(ADDRESS_HIGH, buffer.device_address >> 32)
            dma.write(FRAMES, count)
            dma.write(CONTROL, START)
        deadline = time.monotonic() + SECONDS
        while not self._output_dma.read(CONTROL) & DONE:
            if time.monotonic() > deadline:
                raise FlowError(f"expected {count} answers within {SECONDS:g} s, got none; load the bitfile again")

    def _run_alveo(self, count: int) -> None:
        self._input_dma.start(self._input, count)
        self._output_dma.start(self._output, count).wait()


def _pynq(bitfile: Path):
    """(Overlay, allocate) of pynq."""
    needed = [bitfile] if bitfile.suffix == ".xclbin" else [bitfile, bitfile.with_suffix(".hwh")]
    if missing := [str(path) for path in needed if not path.is_file()]:
        raise FlowError(f"expected a bitfile, missing {', '.join(missing)}; build it where Vivado is (build-amd)")
    try:
        from pynq import Overlay, allocate
    except ImportError as error:
        raise FlowError(f"expected PYNQ's Python, {error}; on the board: source /etc/profile.d/pynq_venv.sh") from error
    return Overlay, allocate
