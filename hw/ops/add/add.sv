/// y = GAIN_A * a + GAIN_B * b + OFFSET, element by element of two streams, modulo 2**Y_BITS.
///
/// A gain is a sum and difference of as few powers of two as there can be (non-adjacent form), so there is no
/// multiplier. A beat is taken from both inputs at once. Latency: 2 cycles, one beat a cycle.
module add #(
    /// Elements per beat.
    parameter int PARALLEL = 1,
    /// Bits of an element of each input; 1 if it is two's complement.
    parameter int A_BITS = 8,
    parameter int A_SIGNED = 0,
    parameter int B_BITS = 8,
    parameter int B_SIGNED = 0,
    /// Bits of a result.
    parameter int Y_BITS = 9,
    /// Signed literals of any width; gains within -2**48..2**48.
    parameter GAIN_A = 1,
    parameter GAIN_B = 1,
    parameter OFFSET = 0
) (
    input  logic                       clk,
    /// Synchronous, active high; drops the beats held.
    input  logic                       rst,

    input  logic [PARALLEL*A_BITS-1:0] in0_data,
    input  logic                       in0_valid,
    output logic                       in0_ready,

    input  logic [PARALLEL*B_BITS-1:0] in1_data,
    input  logic                       in1_valid,
    output logic                       in1_ready,

    output logic [PARALLEL*Y_BITS-1:0] out_data,
    output logic                       out_valid,
    input  logic                       out_ready
);
  localparam longint LIMIT = longint'(1) << 48;
  if (PARALLEL < 1) $fatal(1, "add: PARALLEL must be at least 1");
  if (A_BITS < 1 || A_BITS > 48 || B_BITS < 1 || B_BITS > 48) $fatal(1, "add: operands have 1 to 48 bits");
  if (Y_BITS < 1 || Y_BITS > 48) $fatal(1, "add: Y_BITS must be 1 to 48");
  localparam longint A_GAIN = longint'(GAIN_A);
  localparam longint B_GAIN = longint'(GAIN_B);
  if (A_GAIN < -LIMIT || A_GAIN > LIMIT || B_GAIN < -LIMIT || B_GAIN > LIMIT)
    $fatal(1, "add: gains must be within -2**48..2**48");

  typedef logic [Y_BITS-1:0] result_t;

  // The powers of two that a gain adds (side 0) or takes away (side 1): no two of them are neighbours.
  function automatic longint powers(input longint gain, input bit side);
    longint size, half, change;
    size   = gain < 0 ? -gain : gain;
    half   = size >> 1;
    change = half ^ (size + half);
    powers = (side ^ (gain < 0)) ? half & change : (size + half) & change;
  endfunction

  function automatic result_t times(input result_t value, input longint plus, input longint minus);
    times = '0;
    for (int i = 0; i < Y_BITS; i++) begin
      if (plus[i]) times = times + (value << i);
      if (minus[i]) times = times - (value << i);
    end
  endfunction

  localparam longint A_PLUS = powers(A_GAIN, 1'b0);
  localparam longint A_MINUS = powers(A_GAIN, 1'b1);
  localparam longint B_PLUS = powers(B_GAIN, 1'b0);
  localparam longint B_MINUS = powers(B_GAIN, 1'b1);

  // One enable for both registers: the pipeline stands while the output waits.
  logic enable, product_valid_q, out_valid_q;
  assign enable    = !out_valid_q || out_ready;
  assign in0_ready = enable && in1_valid;
  assign in1_ready = enable && in0_valid;
  assign out_valid = out_valid_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      product_valid_q <= 1'b0;
      out_valid_q     <= 1'b0;
    end else if (enable) begin
      product_valid_q <= in0_valid && in1_valid;
      out_valid_q     <= product_valid_q;
    end
  end

  for (genvar p = 0; p < PARALLEL; p++) begin : g_element
    logic [A_BITS-1:0] a;
    logic [B_BITS-1:0] b;
    result_t a_wide, b_wide, a_q, b_q, y_q;
    assign a = in0_data[p*A_BITS+:A_BITS];
    assign b = in1_data[p*B_BITS+:B_BITS];
    assign a_wide = A_SIGNED != 0 ? Y_BITS'($signed(a)) : Y_BITS'(a);
    assign b_wide = B_SIGNED != 0 ? Y_BITS'($signed(b)) : Y_BITS'(b);
    always_ff @(posedge clk) begin
      if (enable) begin
        a_q <= times(a_wide, A_PLUS, A_MINUS);
        b_q <= times(b_wide, B_PLUS, B_MINUS) + Y_BITS'(OFFSET);
        y_q <= a_q + b_q;
      end
    end
    assign out_data[p*Y_BITS+:Y_BITS] = y_q;
  end
endmodule
