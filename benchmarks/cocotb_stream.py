"""The test bench that cocotb runs inside the simulator for `benchmarks.simulate`: frames in, result beats out.

What it is given and what it leaves are two .npz files, named by `GIVEN` and `LEFT` (environment).
"""

from __future__ import annotations

import os
import time

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

GIVEN, LEFT = "HOLDFAST_COCOTB_GIVEN", "HOLDFAST_COCOTB_LEFT"
NANOSECONDS = 10


@cocotb.test
async def frames(dut) -> None:
    """One beat a cycle as far as the circuit takes them, as a user of cocotb would write it."""
    given = np.load(os.environ[GIVEN])
    beats, expected = given["beats"].tolist(), int(given["results"])
    Clock(dut.clk, NANOSECONDS, "ns").start(start_high=False)
    dut.rst.value, dut.in_valid.value, dut.in_data.value, dut.out_ready.value = 1, 0, 0, 1
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    sent, cycles, received = 0, 0, []
    start = time.perf_counter()
    while len(received) < expected:
        dut.in_valid.value = int(sent < len(beats))
        if sent < len(beats):
            dut.in_data.value = beats[sent]
        await ReadOnly()
        sent += int(sent < len(beats) and dut.in_ready.value == 1)
        if dut.out_valid.value == 1:
            received.append(int(dut.out_data.value))
        await FallingEdge(dut.clk)
        cycles += 1
    seconds = time.perf_counter() - start
    np.savez(os.environ[LEFT], received=np.array(received, dtype=np.uint64), cycles=cycles, seconds=seconds)
