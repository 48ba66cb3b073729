/// One lookup table of an ECP5 as memory of 16 bits (`TRELLIS_COMB`, MODE "DPRAM"): written at WAD, read at {D, C, B, A}.
/// nextpnr ties the read address 3, 1, 2, 0 to A, B, C, D, and orders the initial bits to match.
module DPRAM_BIT #(
    parameter logic [15:0] INITVAL = '0,
    parameter WREMUX = "WRE",
    parameter WCKMUX = "WCK"
) (
    input logic A, B, C, D, WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK,
    output logic F
);
  logic [15:0] bits = INITVAL;
  wire clock = WCK ^ (WCKMUX == "INV");
  wire enable = WRE ^ (WREMUX == "INV");
  always @(posedge clock) if (enable) bits[{WAD0, WAD2, WAD1, WAD3}] <= WD;
  assign F = bits[{D, C, B, A}];
endmodule
