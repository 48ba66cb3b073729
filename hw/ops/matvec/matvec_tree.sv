/// Sum of N terms by a tree of two-input adders, a register behind each level: $clog2(N) cycles.
///
/// Each level has just the bits it needs, but never more than OUT_BITS: the result is right modulo 2**OUT_BITS.
module matvec_tree #(
    /// Terms, at least 1, and their bits; 1 if they are two's complement.
    parameter int N = 2,
    parameter int IN_BITS = 1,
    parameter int IN_SIGNED = 0,
    parameter int OUT_BITS = 2
) (
    input  logic                 clk,
    /// Everything holds still while low.
    input  logic                 enable,
    input  logic [N*IN_BITS-1:0] terms,
    output logic [ OUT_BITS-1:0] sum
);
  localparam int LEVELS = $clog2(N);

  // Nodes of a level and their bits; functions because a generate block's constants are not seen from outside.
  function automatic int count(input int level);
    count = (N + (1 << level) - 1) >> level;
  endfunction
  function automatic int width(input int level);
    width = IN_BITS + level < OUT_BITS ? IN_BITS + level : OUT_BITS;
  endfunction

  for (genvar l = 0; l <= LEVELS; l++) begin : g_level
    localparam int BITS = width(l);
    logic [count(l)*BITS-1:0] nodes;

    for (genvar i = 0; i < count(l); i++) begin : g_node
      if (l == 0) begin : g_term
        assign nodes[i*BITS+:BITS] = BITS'(terms[i*IN_BITS+:IN_BITS]);
      end else begin : g_add
        localparam int BELOW = width(l - 1);
        logic [BELOW-1:0] left;
        logic [BITS-1:0] left_wide, right_wide, node_q;
        assign left = g_level[l-1].nodes[2*i*BELOW+:BELOW];
        assign left_wide = IN_SIGNED != 0 ? BITS'($signed(left)) : BITS'(left);
        if (2 * i + 1 < count(l - 1)) begin : g_right
          logic [BELOW-1:0] right;
          assign right = g_level[l-1].nodes[(2*i+1)*BELOW+:BELOW];
          assign right_wide = IN_SIGNED != 0 ? BITS'($signed(right)) : BITS'(right);
        end else begin : g_odd
          assign right_wide = '0;
        end
        always_ff @(posedge clk) if (enable) node_q <= left_wide + right_wide;
        assign nodes[i*BITS+:BITS] = node_q;
      end
    end
  end

  if (LEVELS == 0) begin : g_no_register
    logic unused;
    assign unused = &{clk, enable};
  end

  localparam int TOP_BITS = width(LEVELS);
  assign sum = IN_SIGNED != 0 ? OUT_BITS'($signed(g_level[LEVELS].nodes[TOP_BITS-1:0]))
                              : OUT_BITS'(g_level[LEVELS].nodes[TOP_BITS-1:0]);
endmodule
