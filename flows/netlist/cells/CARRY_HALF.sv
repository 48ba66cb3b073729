/// Half of an ECP5 slice in carry mode (`TRELLIS_COMB`, MODE "CCU2"): a lookup table and one bit of the carry chain.
/// CCU2C of Project Trellis is two of them, one behind the other.
module CARRY_HALF #(
    parameter logic [15:0] INITVAL = '0,
    parameter CCU2_INJECT1 = "NO"
) (
    input logic A, B, C, D, FCI,
    output logic F, FCO
);
  wire sum = INITVAL[{D, C, B, A}];
  wire generated = CCU2_INJECT1 == "YES" ? 1'b0 : INITVAL[{2'b0, B, A}];
  assign F = sum ^ (CCU2_INJECT1 == "YES" ? 1'b0 : FCI);
  assign FCO = sum ? FCI : generated;
endmodule
