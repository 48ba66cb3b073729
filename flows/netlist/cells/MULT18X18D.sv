/// Multiplier of the ECP5 without its registers (Lattice FPGA-TN-02205, ECP5 and ECP5-5G sysDSP Usage Guide).
///
/// Pins are bundled into vectors: `A` holds A17 to A0. The registers and the chains to neighbours, which Yosys does not
/// use, fail elaboration.
module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",
    parameter REG_INPUTB_CLK = "NONE",
    parameter REG_INPUTC_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE",
    parameter REG_OUTPUT_CLK = "NONE"
) (
    input logic [17:0] A, B, C,
    input logic SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output logic [35:0] P
);
  if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_PIPELINE_CLK != "NONE" || REG_OUTPUT_CLK != "NONE")
    $error("MULT18X18D: expected no registers");

  wire signed [18:0] a = {SIGNEDA & A[17], A};
  wire signed [18:0] b = {SIGNEDB & B[17], B};
  assign P = 36'(a * b);
endmodule
