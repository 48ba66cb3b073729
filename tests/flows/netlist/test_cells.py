"""Our models of block RAM and multiplier against plain Python, for every width of port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.netlist.cells import models
from flows.netlist.probe import Probe
from flows.simulate import Simulator, build
from hw.inttype import IntType
from hw.stream import Stream

WITHIN = {1: 0, 2: 1, 4: 2, 9: 3, 18: 4, 36: 5}  # address bits within a word
WIDTHS = ((18, 18), (9, 9), (4, 4), (2, 2), (1, 1), (9, 18), (1, 9), (36, 36), (36, 9), (36, 1))
MODES = ("READBEFOREWRITE", "WRITETHROUGH", "NORMAL")
UINT18 = IntType(18, False)
# A beat: flags (enable and write of A, then of B; signs of the factors), both addresses, both data.
WRAPPER = """module cells_stream (
    input wire clk, rst, in_valid, out_ready,
    input wire [89:0] in_data,
    output wire in_ready, out_valid,
    output wire [{top}:0] out_data
);
  reg full = 0;
  wire move = in_valid && in_ready;
  assign in_ready = !full || out_ready;
  assign out_valid = full;
  always @(posedge clk) if (rst) full <= 0; else if (in_ready) full <= in_valid;
  wire [17:0] flags = in_data[17:0], ada = in_data[35:18], adb = in_data[53:36], dia = in_data[71:54];
  wire [17:0] dib = in_data[89:72];
  reg [35:0] product;
  wire [35:0] factor;
  MULT18X18D multiplier (.A(dia), .B(dib), .C(18'b0), .SIGNEDA(flags[4]), .SIGNEDB(flags[5]),
                         .SOURCEA(1'b0), .SOURCEB(1'b0), .P(factor));
  always @(posedge clk) if (move) product <= factor;
  assign out_data[35:0] = product;
{rams}
endmodule
"""
RAM = """  DP16KD #(.DATA_WIDTH_A({a}), .DATA_WIDTH_B({b}), .WRITEMODE_A("{mode}"), .WRITEMODE_B("{mode}"),
           .INITVAL(20480'h{initial:x})) ram{i} (
      .CLKA(clk), .CEA(move && flags[0]), .OCEA(1'b1), .WEA(flags[1]), .RSTA(1'b0), .CSA(3'b0),
      .ADA(ada[13:0]), .DIA(dia), .DOA(out_data[{low}+:18]),
      .CLKB(clk), .CEB(move && flags[2]), .OCEB(1'b1), .WEB(flags[3]), .RSTB(1'b0), .CSB(3'b0),
      .ADB(adb[13:0]), .DIB(dib), .DOB(out_data[{low}+18+:18]));
"""


class Memory:
    """1024 words of 18 bits as one list of bits; narrow ports leave out the ninth bit of every byte."""

    def __init__(self, words: list[int], widths: tuple[int, int], mode: str) -> None:
        self.bits = [(words[i // 18] >> i % 18) & 1 for i in range(18 * 1024)]
        self.widths, self.mode, self.out = widths, mode, [0, 0]

    def places(self, width: int, address: int) -> list[int]:
        if width >= 9:
            return [address // (width // 9 * 8) * width + i for i in range(width)]
        return [address // 8 * 9 + address % 8 // width * width + i for i in range(width)]

    def overlap(self, addresses: tuple[int, int]) -> bool:
        wider = max(WITHIN[width] for width in self.widths)
        return addresses[0] >> wider == addresses[1] >> wider

    def step(self, flags: int, addresses: tuple[int, int], data: tuple[int, int]) -> tuple[int, int]:
        before = list(self.bits)
        enables, writes = [flags & 1, flags >> 2 & 1], [flags >> 1 & 1, flags >> 3 & 1]
        if self.widths[0] == 36:
            writes[1], data = 0, (data[0] | data[1] << 18, 0)
        touched: list[set[int]] = [set(), set()]
        after = [list(self.bits), list(self.bits)]
        for side, width in enumerate(self.widths):
            if enables[side] and writes[side]:
                for i, place in enumerate(self.places(width, addresses[side])):
                    if width < 18 or addresses[side] >> i // 9 & 1:
                        after[side][place] = self.bits[place] = data[side] >> i & 1
                        touched[side].add(place)
        for side, width in enumerate(self.widths):
            if not enables[side] or (writes[side] and self.mode == "NORMAL"):
                continue
            if enables[1 - side] and writes[1 - side] and touched[1 - side] and self.overlap(addresses):
                word = sum(before[place] << i for i, place in enumerate(self.places(width, addresses[side])))
                self.out[side] = ~word & (1 << 36) - 1
                continue
            kept = after[side] if self.mode == "WRITETHROUGH" else before
            self.out[side] = sum(kept[place] << i for i, place in enumerate(self.places(width, addresses[side])))
        a, b = self.out
        return (b & 0x3FFFF, b >> 18) if self.widths[1] == 36 else (a & 0x3FFFF, b & 0x3FFFF)


def signed(value: int, sign: int) -> int:
    return value - (1 << 18) if sign and value >> 17 else value


@pytest.mark.sim
def test_block_ram_and_multiplier(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    memories, rams = [], []
    for i, widths in enumerate(WIDTHS):
        words, mode = rng.integers(0, 1 << 18, 1024).tolist(), MODES[i % 3]
        memories.append(Memory(words, widths, mode))
        initial = sum(word << 20 * n for n, word in enumerate(words))
        rams.append(RAM.format(a=widths[0], b=widths[1], mode=mode, initial=initial, i=i, low=36 + 36 * i))
    lanes = 2 + 2 * len(WIDTHS)
    files = models() | {"top.sv": WRAPPER.format(top=18 * lanes - 1, rams="".join(rams))}
    commands = 3000
    source, result = Stream((5,), UINT18, 5), Stream((lanes,), UINT18, lanes)
    codes = rng.integers(0, 1 << 18, (commands, 5))
    # Few words, so that what was written is read again, and so that one port reads what the other writes. Where both
    # write they stay in different halves: what two writes to a word give is undefined.
    codes[:, 1:3] &= 0x7F
    both = codes[:, 0] & 0b1010 == 0b1010
    codes[both, 1] &= 0x3F
    codes[both, 2] |= 0x40
    expected = []
    for flags, ada, adb, dia, dib in codes.tolist():
        product = signed(dia, flags >> 4 & 1) * signed(dib, flags >> 5 & 1) & (1 << 36) - 1
        row = [product & 0x3FFFF, product >> 18]
        for memory in memories:
            row += memory.step(flags, (ada, adb), (dia, dib))
        expected.append(row)
    circuit = Probe("cells", source, result, (), files)
    with Simulator(circuit, build(circuit, tmp_path, files=files), files) as simulator:
        got = simulator.run(codes).outputs
    np.testing.assert_array_equal(got, expected)
