/// Dot product of one beat for one output row: sum over lanes of weight * activation, without multipliers.
///
/// One operand is taken bit by bit (`serial`), the other whole (`full`). Plane b is the sum over lanes of `full` where
/// bit b of `serial` is set; the result is the sum of planes shifted left by b, the sign plane subtracted.
/// Latency: 1 + $clog2(LANES) + $clog2(PLANES) cycles, one beat a cycle.
module matvec_dot #(
    /// Lanes, at least 1.
    parameter int LANES = 1,
    /// Bits of the serial operand; 1 if its top bit is negative. A single negative plane is not negated here.
    parameter int PLANES = 1,
    parameter int SERIAL_SIGNED = 0,
    /// Bits of the other operand; 1 if it is two's complement.
    parameter int FULL_BITS = 1,
    parameter int FULL_SIGNED = 0,
    /// 1: both are one bit and a product is their XNOR (both mean -1 and +1; the caller knows the offset).
    parameter int XNOR = 0,
    /// The result is right modulo 2**OUT_BITS.
    parameter int OUT_BITS = 8
) (
    input  logic                       clk,
    /// Everything holds still while low.
    input  logic                       enable,
    input  logic [   LANES*PLANES-1:0] serial,
    input  logic [LANES*FULL_BITS-1:0] full,
    output logic [       OUT_BITS-1:0] sum
);
  if (XNOR != 0 && (PLANES != 1 || FULL_BITS != 1)) $fatal(1, "matvec_dot: XNOR takes operands of one bit");

  localparam int NATURAL = FULL_BITS + $clog2(LANES);
  localparam int PLANE_BITS = NATURAL < OUT_BITS ? NATURAL : OUT_BITS;
  localparam int LEVELS = $clog2(PLANES);

  // Nodes of a level of joins and their bits.
  function automatic int count(input int level);
    count = (PLANES + (1 << level) - 1) >> level;
  endfunction
  function automatic int width(input int level);
    width = level == 0 ? PLANE_BITS : PLANE_BITS + (1 << level);
    if (width > OUT_BITS) width = OUT_BITS;
  endfunction

  logic [PLANES*PLANE_BITS-1:0] planes;
  for (genvar b = 0; b < PLANES; b++) begin : g_plane
    logic [LANES*FULL_BITS-1:0] terms_q;
    for (genvar i = 0; i < LANES; i++) begin : g_lane
      logic [FULL_BITS-1:0] value;
      logic chosen;
      assign value  = full[i*FULL_BITS+:FULL_BITS];
      assign chosen = serial[i*PLANES+b];
      always_ff @(posedge clk) begin
        if (enable) begin
          terms_q[i*FULL_BITS+:FULL_BITS] <= XNOR != 0 ? ~(value ^ FULL_BITS'(chosen)) : chosen ? value : '0;
        end
      end
    end
    matvec_tree #(
        .N(LANES),
        .IN_BITS(FULL_BITS),
        .IN_SIGNED(FULL_SIGNED),
        .OUT_BITS(PLANE_BITS)
    ) u_tree (
        .clk,
        .enable,
        .terms(terms_q),
        .sum  (planes[b*PLANE_BITS+:PLANE_BITS])
    );
  end

  // Level l joins two nodes of 2**(l-1) planes each. The sign plane is subtracted where it first meets another node.
  for (genvar l = 0; l <= LEVELS; l++) begin : g_level
    localparam int BITS = width(l);
    logic [count(l)*BITS-1:0] nodes;

    for (genvar i = 0; i < count(l); i++) begin : g_node
      if (l == 0) begin : g_leaf
        assign nodes[i*BITS+:BITS] = planes[i*PLANE_BITS+:PLANE_BITS];
      end else begin : g_join
        localparam int BELOW = width(l - 1);
        localparam int HALF = 1 << (l - 1);
        localparam bit PAIR = 2 * i + 1 < count(l - 1);
        // A node below is signed if its planes are, or if the sign plane has been subtracted in it.
        localparam bit LEFT_SIGNED = FULL_SIGNED != 0 ||
            SERIAL_SIGNED != 0 && !PAIR && 2 * i * HALF < PLANES - 1;
        logic [BELOW-1:0] left;
        logic [BITS-1:0] left_wide, node_q;
        assign left = g_level[l-1].nodes[2*i*BELOW+:BELOW];
        assign left_wide = LEFT_SIGNED ? BITS'($signed(left)) : BITS'(left);
        if (PAIR) begin : g_right
          localparam int FIRST = (2 * i + 1) * HALF;
          localparam bit LAST = SERIAL_SIGNED != 0 && FIRST + HALF >= PLANES;
          localparam bit MINUS = LAST && FIRST == PLANES - 1;
          localparam bit RIGHT_SIGNED = FULL_SIGNED != 0 || LAST && !MINUS;
          logic [BELOW-1:0] right;
          logic [BITS-1:0] right_wide;
          assign right = g_level[l-1].nodes[(2*i+1)*BELOW+:BELOW];
          assign right_wide = (RIGHT_SIGNED ? BITS'($signed(right)) : BITS'(right)) << HALF;
          always_ff @(posedge clk) if (enable) node_q <= MINUS ? left_wide - right_wide : left_wide + right_wide;
        end else begin : g_odd
          always_ff @(posedge clk) if (enable) node_q <= left_wide;
        end
        assign nodes[i*BITS+:BITS] = node_q;
      end
    end
  end

  localparam int TOP_BITS = width(LEVELS);
  localparam bit TOP_SIGNED = FULL_SIGNED != 0 || SERIAL_SIGNED != 0 && PLANES > 1;
  assign sum = TOP_SIGNED ? OUT_BITS'($signed(g_level[LEVELS].nodes[TOP_BITS-1:0]))
                          : OUT_BITS'(g_level[LEVELS].nodes[TOP_BITS-1:0]);
endmodule
