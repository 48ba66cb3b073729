/// Counts how many of its channel's thresholds a value with noise reaches: y = START + STEP * #{t : x + d >= t}.
///
/// stochastic_dither makes noise from 0 to spread - 1, one number for each element; the lower half of the spread is in
/// the thresholds already, as is the offset of x, which is taken as offset binary. Behind the sum: `threshold`.
/// One beat a cycle; one cycle more than `threshold`. After a reset DRAW_BITS + 1 cycles pass before the first beat.
module stochastic_threshold #(
    /// Elements per beat, beats per pixel (channels = PE * FOLDS), beats per frame.
    parameter int PE = 1,
    parameter int FOLDS = 1,
    parameter int BEATS = 1,
    /// Bits of an input element; 1 if it is two's complement.
    parameter int X_BITS = 8,
    parameter int X_SIGNED = 0,
    /// Noise: bits of a draw, bits of a spread (at most X_BITS + 1), first 63 bits; 1: begins anew with every frame.
    parameter int DRAW_BITS = 8,
    parameter int SPREAD_BITS = 4,
    parameter longint STATE = 1,
    parameter int RESTART = 0,
    /// File for $readmemh: FOLDS words of PE spreads.
    parameter string SPREADS = "",
    /// As in `threshold`, whose input has X_BITS + 1 bits without sign.
    parameter int Y_BITS = 2,
    parameter int LEVELS = 2,
    parameter int BLOCKS = 0,
    parameter int START = 0,
    parameter int STEP = 1,
    parameter string LEVEL0 = "",
    parameter string LEVEL1 = "",
    parameter string LEVEL2 = "",
    parameter string LEVEL3 = "",
    parameter string LEVEL4 = "",
    parameter string LEVEL5 = "",
    parameter string LEVEL6 = "",
    parameter string LEVEL7 = ""
) (
    input  logic                 clk,
    /// Synchronous, active high; drops every beat held, starts with channel 0 and with the first noise.
    input  logic                 rst,

    input  logic [PE*X_BITS-1:0] in_data,
    input  logic                 in_valid,
    output logic                 in_ready,

    output logic [PE*Y_BITS-1:0] out_data,
    output logic                 out_valid,
    input  logic                 out_ready
);
  if (X_BITS < 1 || X_BITS > 47) $fatal(1, "stochastic_threshold: X_BITS must be 1 to 47");
  if (SPREAD_BITS > X_BITS + 1) $fatal(1, "stochastic_threshold: SPREAD_BITS must be at most X_BITS + 1");

  localparam int SUM_BITS = X_BITS + 1;

  logic [PE*SPREAD_BITS-1:0] dither;
  logic dither_valid, dither_ready;
  stochastic_dither #(
      .PE(PE),
      .FOLDS(FOLDS),
      .BEATS(BEATS),
      .RESTART(RESTART),
      .DRAW_BITS(DRAW_BITS),
      .SPREAD_BITS(SPREAD_BITS),
      .STATE(STATE),
      .SPREADS(SPREADS)
  ) u_dither (
      .clk,
      .rst,
      .out_data (dither),
      .out_valid(dither_valid),
      .out_ready(dither_ready)
  );

  logic [PE*SUM_BITS-1:0] sum_q;
  logic sum_valid_q, sum_ready, free;
  assign free = !sum_valid_q || sum_ready;
  assign in_ready = free && dither_valid;
  assign dither_ready = free && in_valid;
  always_ff @(posedge clk) begin
    if (rst) sum_valid_q <= 1'b0;
    else if (free) sum_valid_q <= in_valid && dither_valid;
  end
  for (genvar p = 0; p < PE; p++) begin : g_pe
    logic [X_BITS-1:0] x;
    assign x = in_data[p*X_BITS+:X_BITS] ^ (X_SIGNED != 0 ? X_BITS'(1) << (X_BITS - 1) : '0);
    always_ff @(posedge clk) begin
      if (free) sum_q[p*SUM_BITS+:SUM_BITS] <= SUM_BITS'(x) + SUM_BITS'(dither[p*SPREAD_BITS+:SPREAD_BITS]);
    end
  end

  threshold #(
      .PE(PE),
      .FOLDS(FOLDS),
      .X_BITS(SUM_BITS),
      .X_SIGNED(0),
      .Y_BITS(Y_BITS),
      .LEVELS(LEVELS),
      .BLOCKS(BLOCKS),
      .START(START),
      .STEP(STEP),
      .LEVEL0(LEVEL0),
      .LEVEL1(LEVEL1),
      .LEVEL2(LEVEL2),
      .LEVEL3(LEVEL3),
      .LEVEL4(LEVEL4),
      .LEVEL5(LEVEL5),
      .LEVEL6(LEVEL6),
      .LEVEL7(LEVEL7)
  ) u_threshold (
      .clk,
      .rst,
      .in_data (sum_q),
      .in_valid(sum_valid_q),
      .in_ready(sum_ready),
      .out_data,
      .out_valid,
      .out_ready
  );
endmodule
