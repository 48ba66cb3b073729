/// What one would write first: a matrix times every vector of the stream, all rows at once, in one line of arithmetic.
///
/// The same streams and the same memory of weights as `matvec` with FOLDS = 1.
module multiply_accumulate #(
    /// Beats per vector, rows, columns per beat.
    parameter int BEATS = 2,
    parameter int PE = 1,
    parameter int SIMD = 1,
    /// Activations: bits; 1 if the one bit means -1 and +1, otherwise they are unsigned.
    parameter int X_BITS = 2,
    parameter int X_BIPOLAR = 0,
    /// Weights: bits; 1 if the one bit means -1 and +1, otherwise they are two's complement.
    parameter int W_BITS = 2,
    parameter int W_BIPOLAR = 0,
    /// Bits of a sum.
    parameter int Y_BITS = 8,
    /// File for $readmemh: BEATS words.
    parameter string WEIGHTS = ""
) (
    input  logic                   clk,
    input  logic                   rst,

    input  logic [SIMD*X_BITS-1:0] in_data,
    input  logic                   in_valid,
    output logic                   in_ready,

    output logic [  PE*Y_BITS-1:0] out_data,
    output logic                   out_valid,
    input  logic                   out_ready
);
  localparam int BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  typedef logic signed [W_BITS:0] weight_t;
  typedef logic signed [X_BITS:0] value_t;

  logic [PE*SIMD*W_BITS-1:0] weights[BEATS];
  initial $readmemh(WEIGHTS, weights);

  logic [PE*SIMD*W_BITS-1:0] w_q;
  logic [SIMD*X_BITS-1:0] x_q;
  logic [BEAT_BITS-1:0] beat_q;
  logic first_q, last_q, valid_q, enable;
  assign enable   = !out_valid || out_ready;
  assign in_ready = enable;

  always_ff @(posedge clk) begin
    if (rst) begin
      beat_q    <= '0;
      valid_q   <= 1'b0;
      out_valid <= 1'b0;
    end else if (enable) begin
      valid_q   <= in_valid;
      out_valid <= valid_q && last_q;
      if (in_valid) beat_q <= beat_q == BEAT_BITS'(BEATS - 1) ? '0 : beat_q + BEAT_BITS'(1);
    end
    if (enable) begin
      w_q     <= weights[beat_q];
      x_q     <= in_data;
      first_q <= beat_q == '0;
      last_q  <= beat_q == BEAT_BITS'(BEATS - 1);
    end
  end

  for (genvar p = 0; p < PE; p++) begin : g_pe
    weight_t w[SIMD];
    value_t x[SIMD];
    for (genvar i = 0; i < SIMD; i++) begin : g_lane
      localparam int W_AT = (p * SIMD + i) * W_BITS;
      if (W_BIPOLAR != 0) begin : g_weight_sign
        assign w[i] = {!w_q[W_AT], 1'b1};
      end else begin : g_weight
        assign w[i] = weight_t'($signed(w_q[W_AT+:W_BITS]));
      end
      if (X_BIPOLAR != 0) begin : g_value_sign
        assign x[i] = {!x_q[i], 1'b1};
      end else begin : g_value
        assign x[i] = {1'b0, x_q[i*X_BITS+:X_BITS]};
      end
    end

    logic signed [Y_BITS-1:0] sum, sum_q;
    always_comb begin
      sum = first_q ? '0 : sum_q;
      for (int i = 0; i < SIMD; i++) sum += w[i] * x[i];
    end
    always_ff @(posedge clk) if (enable && valid_q) sum_q <= sum;
    assign out_data[p*Y_BITS+:Y_BITS] = sum_q;
  end
endmodule
