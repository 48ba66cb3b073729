/// Dot product of one beat for one output row with a multiplier per lane.
///
/// The only `*` between two signals in all operators: the synthesis script turns those of this module, and no others,
/// into the device's multipliers. Latency: 1 + $clog2(LANES) cycles, one beat a cycle.
module matvec_multiply #(
    /// Lanes, at least 1.
    parameter int LANES = 1,
    /// Bits of the operands; 1 if two's complement.
    parameter int A_BITS = 8,
    parameter int A_SIGNED = 0,
    parameter int B_BITS = 8,
    parameter int B_SIGNED = 1,
    /// The result is right modulo 2**OUT_BITS.
    parameter int OUT_BITS = 16
) (
    input  logic                    clk,
    /// Everything holds still while low.
    input  logic                    enable,
    input  logic [LANES*A_BITS-1:0] a,
    input  logic [LANES*B_BITS-1:0] b,
    output logic [    OUT_BITS-1:0] sum
);
  localparam int NATURAL = A_BITS + B_BITS;
  localparam int BITS = NATURAL < OUT_BITS ? NATURAL : OUT_BITS;

  logic [LANES*BITS-1:0] products_q;
  for (genvar i = 0; i < LANES; i++) begin : g_lane
    logic signed [A_BITS:0] left;
    logic signed [B_BITS:0] right;
    assign left  = {A_SIGNED != 0 && a[i*A_BITS+A_BITS-1], a[i*A_BITS+:A_BITS]};
    assign right = {B_SIGNED != 0 && b[i*B_BITS+B_BITS-1], b[i*B_BITS+:B_BITS]};
    always_ff @(posedge clk) if (enable) products_q[i*BITS+:BITS] <= BITS'(left * right);
  end

  localparam int WIDEST = BITS + $clog2(LANES);
  localparam int SUM_BITS = WIDEST < OUT_BITS ? WIDEST : OUT_BITS;
  localparam int SIGNED = A_SIGNED != 0 || B_SIGNED != 0 ? 1 : 0;
  logic [SUM_BITS-1:0] total;
  matvec_tree #(
      .N(LANES),
      .IN_BITS(BITS),
      .IN_SIGNED(SIGNED),
      .OUT_BITS(SUM_BITS)
  ) u_tree (
      .clk,
      .enable,
      .terms(products_q),
      .sum  (total)
  );
  assign sum = SIGNED != 0 ? OUT_BITS'($signed(total)) : OUT_BITS'(total);
endmodule
