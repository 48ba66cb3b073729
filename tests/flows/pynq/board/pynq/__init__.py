"""Stands in for PYNQ on a board: memory that only a flush or an invalidate carries over, DMAs by their registers, and
behind them the golden dataflow. The .hwh file (here JSON) says which; it computes words with Python's own integers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hw.dataflow import Dataflow

CONTROL, ADDRESS_LOW, ADDRESS_HIGH, FRAMES = 0x00, 0x10, 0x14, 0x1C
READS_UNTIL_DONE = 3
device_memory: dict[int, np.ndarray] = {}


class Buffer(np.ndarray):
    """What the processor sees; `device_memory` has what the DMAs see."""

    device_address: int

    def flush(self) -> None:
        device_memory[self.device_address][:] = self

    def invalidate(self) -> None:
        self[:] = device_memory[self.device_address]


def allocate(shape: tuple[int, ...], dtype: type, cacheable: bool) -> Buffer:
    buffer = np.full(shape, 0xA5, dtype).view(Buffer)
    buffer.device_address = 0x8_0000_0000 + 0x100_0000 * len(device_memory)  # beyond 32 bits
    device_memory[buffer.device_address] = np.full(shape, 0x5A, dtype)
    return buffer


class Dma:
    def __init__(self, overlay: Overlay) -> None:
        self.overlay, self.registers, self.reads = overlay, {}, 0
        self.frames: np.ndarray | None = None

    def write(self, register: int, value: int) -> None:
        assert 0 <= value < 1 << 32
        self.registers[register] = value
        if register == CONTROL and value & 1:
            address = self.registers[ADDRESS_HIGH] << 32 | self.registers[ADDRESS_LOW]
            self.frames, self.reads = device_memory[address][: self.registers[FRAMES]], 0
            self.overlay.move()

    def read(self, register: int) -> int:
        assert register == CONTROL
        if self.frames is None:
            return 4  # idle
        self.reads += 1
        if self.overlay.settings.get("dead") or self.reads < READS_UNTIL_DONE:
            return 0
        self.frames = None
        return 2  # done, which reading clears


class Overlay:
    def __init__(self, bitfile: str) -> None:
        self.settings = json.loads(Path(bitfile).with_suffix(".hwh").read_text())
        self.dataflow = Dataflow.load(Path(self.settings["dataflow"]))
        self.interface = json.loads(Path(self.settings["interface"]).read_text())
        self.idma0, self.odma0 = Dma(self), Dma(self)

    def move(self) -> None:
        """Once both DMAs run, frames go through."""
        if self.idma0.frames is not None and self.odma0.frames is not None:
            for given, place in zip(self.idma0.frames, self.odma0.frames, strict=True):
                place[:] = self.answer(given)
            self.idma0.frames = None

    def answer(self, packed: np.ndarray) -> np.ndarray:
        codes = [code for word in packed.reshape(-1, packed.shape[-1]) for code in word.tobytes()]  # UINT8
        image = np.array(codes).reshape(self.dataflow.input.shape)
        scores = self.interface["scores"]
        result = self.dataflow.result(self.dataflow.golden(image[None])).scores[0]
        sums = (result - scores["bias"] >> scores["shift"]) * scores["signs"] + self.settings.get("wrong", 0)
        port = self.interface["output"]
        bits, elements = int(port["dtype"].removeprefix("INT")), port["folded"][-1]
        size = -(-bits * elements // 8)
        words = [
            sum(int(value) % (1 << bits) << (bits * place) for place, value in enumerate(word)).to_bytes(size, "little")
            for word in sums.reshape(-1, elements)
        ]
        return np.frombuffer(b"".join(words), np.uint8).reshape(*port["folded"][1:-1], size)
