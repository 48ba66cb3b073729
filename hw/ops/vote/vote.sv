/// y = sum over the inputs of GAINi * in_i, element by element, modulo 2**Y_BITS.
///
/// The inputs lie side by side, input 0 lowest; a beat is taken from all of them at once. Gains are shifted and added,
/// no multiplier. One register behind the gains, one behind each level of a tree of two-input adders. One beat a cycle;
/// latency 1 + $clog2(INPUTS).
module vote #(
    /// Inputs, 2 to 8, and elements per beat.
    parameter int INPUTS = 2,
    parameter int PARALLEL = 1,
    /// Bits of an element of all inputs together; bit i of SIGNED: input i is two's complement.
    parameter int SUM_BITS = 16,
    parameter int SIGNED = 0,
    /// Bits of an element of each input.
    parameter int BITS0 = 8,
    parameter int BITS1 = 8,
    parameter int BITS2 = 1,
    parameter int BITS3 = 1,
    parameter int BITS4 = 1,
    parameter int BITS5 = 1,
    parameter int BITS6 = 1,
    parameter int BITS7 = 1,
    /// Within -2**30..2**30.
    parameter int GAIN0 = 1,
    parameter int GAIN1 = 1,
    parameter int GAIN2 = 1,
    parameter int GAIN3 = 1,
    parameter int GAIN4 = 1,
    parameter int GAIN5 = 1,
    parameter int GAIN6 = 1,
    parameter int GAIN7 = 1,
    /// Added to every sum; any number of bits.
    parameter OFFSET = 0,
    /// Bits of a result.
    parameter int Y_BITS = 9
) (
    input  logic                         clk,
    /// Synchronous, active high; drops the beats held.
    input  logic                         rst,

    input  logic [PARALLEL*SUM_BITS-1:0] in_data,
    input  logic [           INPUTS-1:0] in_valid,
    output logic [           INPUTS-1:0] in_ready,

    output logic [  PARALLEL*Y_BITS-1:0] out_data,
    output logic                         out_valid,
    input  logic                         out_ready
);
  if (INPUTS < 2 || INPUTS > 8) $fatal(1, "vote: INPUTS must be 2 to 8");
  if (PARALLEL < 1) $fatal(1, "vote: PARALLEL must be at least 1");
  if (Y_BITS < 1 || Y_BITS > 48) $fatal(1, "vote: Y_BITS must be 1 to 48");

  function automatic int bits(input int index);
    case (index)
      0: bits = BITS0;
      1: bits = BITS1;
      2: bits = BITS2;
      3: bits = BITS3;
      4: bits = BITS4;
      5: bits = BITS5;
      6: bits = BITS6;
      default: bits = BITS7;
    endcase
  endfunction
  function automatic int gain(input int index);
    case (index)
      0: gain = GAIN0;
      1: gain = GAIN1;
      2: gain = GAIN2;
      3: gain = GAIN3;
      4: gain = GAIN4;
      5: gain = GAIN5;
      6: gain = GAIN6;
      default: gain = GAIN7;
    endcase
  endfunction
  // Bits of an element of the inputs below this one.
  function automatic int below(input int index);
    below = 0;
    for (int i = 0; i < index; i++) below += bits(i);
  endfunction
  if (below(INPUTS) != SUM_BITS) $fatal(1, "vote: SUM_BITS must be the sum of all BITS");
  for (genvar i = 0; i < INPUTS; i++) begin : g_check
    if (bits(i) < 1 || bits(i) > 48) $fatal(1, "vote: inputs have 1 to 48 bits");
    if (gain(i) < -(1 << 30) || gain(i) > 1 << 30) $fatal(1, "vote: gains must be within -2**30..2**30");
  end

  localparam int LEVELS = $clog2(INPUTS);
  function automatic int count(input int level);
    count = (INPUTS + (1 << level) - 1) >> level;
  endfunction

  // One enable for the whole pipeline: it stands while the output waits.
  logic enable, all;
  logic [LEVELS:0] valid_q;
  assign enable = !valid_q[LEVELS] || out_ready;
  assign all = &in_valid;
  assign in_ready = {INPUTS{enable && all}};
  assign out_valid = valid_q[LEVELS];
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else if (enable) valid_q <= {valid_q[LEVELS-1:0], all};
  end

  typedef logic [Y_BITS-1:0] result_t;

  // Powers of two of the gain's non-adjacent form, added or taken away: no two of them are neighbours.
  function automatic result_t times(input result_t value, input int factor);
    automatic longint size = factor < 0 ? -longint'(factor) : longint'(factor);
    automatic longint half = size >> 1;
    automatic longint change = half ^ (size + half);
    automatic longint plus = (size + half) & change;
    automatic longint minus = half & change;
    times = '0;
    for (int i = 0; i < 32; i++) begin
      if (plus[i]) times = factor < 0 ? times - (value << i) : times + (value << i);
      if (minus[i]) times = factor < 0 ? times + (value << i) : times - (value << i);
    end
  endfunction

  for (genvar p = 0; p < PARALLEL; p++) begin : g_element
    for (genvar l = 0; l <= LEVELS; l++) begin : g_level
      result_t [count(l)-1:0] nodes_q;
      for (genvar i = 0; i < count(l); i++) begin : g_node
        if (l == 0) begin : g_input
          localparam int BITS = bits(i);
          logic [BITS-1:0] x;
          result_t wide;
          assign x = in_data[PARALLEL*below(i)+p*BITS+:BITS];
          assign wide = SIGNED[i] ? Y_BITS'($signed(x)) : Y_BITS'(x);
          always_ff @(posedge clk) if (enable) nodes_q[i] <= times(wide, gain(i)) + (i == 0 ? Y_BITS'(OFFSET) : '0);
        end else if (2 * i + 1 < count(l - 1)) begin : g_sum
          always_ff @(posedge clk) begin
            if (enable) nodes_q[i] <= g_level[l-1].nodes_q[2*i] + g_level[l-1].nodes_q[2*i+1];
          end
        end else begin : g_odd
          always_ff @(posedge clk) if (enable) nodes_q[i] <= g_level[l-1].nodes_q[2*i];
        end
      end
    end
    assign out_data[p*Y_BITS+:Y_BITS] = g_level[LEVELS].nodes_q[0];
  end
endmodule
