/// Product of two small integers without a multiplier: one operand shifted and added for each bit of the other.
///
/// Latency: 1 + $clog2(PLANES) cycles, one product a cycle.
module depthwise_product #(
    /// Bits of the operand taken bit by bit; 1 if it is two's complement (then at least 2 bits).
    parameter int PLANES = 2,
    parameter int SERIAL_SIGNED = 0,
    /// Bits of the other operand; 1 if it is two's complement.
    parameter int FULL_BITS = 2,
    parameter int FULL_SIGNED = 0,
    /// The result is right modulo 2**OUT_BITS.
    parameter int OUT_BITS = 4
) (
    input  logic                 clk,
    /// Everything holds still while low.
    input  logic                 enable,
    input  logic [   PLANES-1:0] serial,
    input  logic [FULL_BITS-1:0] full,
    output logic [ OUT_BITS-1:0] product
);
  if (PLANES < 1 || FULL_BITS < 1 || OUT_BITS < 1) $fatal(1, "depthwise_product: bits must be at least 1");
  if (SERIAL_SIGNED != 0 && PLANES < 2) $fatal(1, "depthwise_product: a signed serial operand has at least 2 bits");

  localparam int LEVELS = $clog2(PLANES);

  // A function because a generate block's constants are not seen from outside.
  function automatic int count(input int level);
    count = (PLANES + (1 << level) - 1) >> level;
  endfunction

  logic [OUT_BITS-1:0] wide;
  assign wide = FULL_SIGNED != 0 ? OUT_BITS'($signed(full)) : OUT_BITS'(full);
  // A result of fewer bits does without the operand's upper ones.
  logic unused;
  assign unused = &full;

  for (genvar l = 0; l <= LEVELS; l++) begin : g_level
    logic [count(l)*OUT_BITS-1:0] nodes_q;
    for (genvar i = 0; i < count(l); i++) begin : g_node
      if (l == 0) begin : g_plane
        always_ff @(posedge clk) if (enable) nodes_q[i*OUT_BITS+:OUT_BITS] <= serial[i] ? wide << i : '0;
      end else begin : g_join
        logic [OUT_BITS-1:0] left, right, node;
        assign left = g_level[l-1].nodes_q[2*i*OUT_BITS+:OUT_BITS];
        if (2 * i + 1 < count(l - 1)) begin : g_pair
          // The sign plane is subtracted where it first meets another node.
          localparam bit MINUS = SERIAL_SIGNED != 0 && (2 * i + 1) << (l - 1) == PLANES - 1;
          assign right = g_level[l-1].nodes_q[(2*i+1)*OUT_BITS+:OUT_BITS];
          assign node  = MINUS ? left - right : left + right;
        end else begin : g_odd
          assign right = '0;
          assign node  = left + right;
        end
        always_ff @(posedge clk) if (enable) nodes_q[i*OUT_BITS+:OUT_BITS] <= node;
      end
    end
  end

  assign product = g_level[LEVELS].nodes_q;
endmodule
