/// Random integers, PE per beat: (r * spread) >> DRAW_BITS, r uniform of DRAW_BITS bits, spread one of a table.
///
/// r comes from the bits of one sequence (bit n is bit n - 63 xor bit n - 62), DRAW_BITS new ones for each element in
/// turn, so that the numbers do not depend on PE. Needs no input: it runs ahead until the pipeline is full.
module stochastic_dither #(
    parameter int PE = 1,
    /// Beats after which the table repeats; beats of a frame; 1: the sequence begins anew with every frame.
    parameter int FOLDS = 1,
    parameter int BEATS = 1,
    parameter int RESTART = 0,
    parameter int DRAW_BITS = 8,
    parameter int SPREAD_BITS = 4,
    /// The first 63 bits of the sequence, not all 0.
    parameter longint STATE = 1,
    /// File for $readmemh: FOLDS words of PE spreads.
    parameter string SPREADS = ""
) (
    input  logic                      clk,
    /// Synchronous, active high; begins the sequence anew.
    input  logic                      rst,

    output logic [PE*SPREAD_BITS-1:0] out_data,
    output logic                      out_valid,
    input  logic                      out_ready
);
  if (PE < 1 || FOLDS < 1 || BEATS < 1) $fatal(1, "stochastic_threshold: PE, FOLDS and BEATS must be at least 1");
  if (DRAW_BITS < 1 || DRAW_BITS > 16) $fatal(1, "stochastic_threshold: DRAW_BITS must be 1 to 16");
  if (SPREAD_BITS < 1 || SPREAD_BITS > 48) $fatal(1, "stochastic_threshold: SPREAD_BITS must be 1 to 48");
  if (STATE < 1) $fatal(1, "stochastic_threshold: STATE must have 63 bits, not all 0");

  function automatic int bits(input int count);
    bits = count > 1 ? $clog2(count) : 1;
  endfunction
  localparam int LENGTH = 63;
  localparam int DRAWN = PE * DRAW_BITS;
  localparam int FOLD_BITS = bits(FOLDS);
  localparam int BEAT_BITS = bits(BEATS);

  logic advance;
  logic [DRAW_BITS:0] valid_q;  // bit b: b bits of r have been multiplied
  assign advance = !valid_q[DRAW_BITS] || out_ready;
  assign out_valid = valid_q[DRAW_BITS];

  function automatic logic [LENGTH+DRAWN-1:0] extend(input logic [LENGTH-1:0] state);
    extend[LENGTH-1:0] = state;
    for (int n = LENGTH; n < LENGTH + DRAWN; n++) extend[n] = extend[n-LENGTH] ^ extend[n-LENGTH+1];
  endfunction

  logic [LENGTH-1:0] state_q;
  logic [LENGTH+DRAWN-1:0] extended;
  logic [FOLD_BITS-1:0] fold_q;
  logic [BEAT_BITS-1:0] beat_q;
  logic frame_end;
  assign extended = extend(state_q);
  assign frame_end = beat_q == BEAT_BITS'(BEATS - 1);
  always_ff @(posedge clk) begin
    if (rst) begin
      state_q <= LENGTH'(STATE);
      fold_q  <= '0;
      beat_q  <= '0;
      valid_q <= '0;
    end else if (advance) begin
      state_q <= RESTART != 0 && frame_end ? LENGTH'(STATE) : extended[DRAWN+:LENGTH];
      fold_q  <= fold_q == FOLD_BITS'(FOLDS - 1) ? '0 : fold_q + FOLD_BITS'(1);
      beat_q  <= frame_end ? '0 : beat_q + BEAT_BITS'(1);
      valid_q <= {valid_q[DRAW_BITS-1:0], 1'b1};
    end
  end

  logic [PE*SPREAD_BITS-1:0] spreads[FOLDS];
  initial $readmemh(SPREADS, spreads);
  logic [PE*SPREAD_BITS-1:0] spread_q;
  logic [DRAWN-1:0] draw_q;
  always_ff @(posedge clk) begin
    if (advance) begin
      spread_q <= spreads[fold_q];
      draw_q   <= extended[DRAWN-1:0];
    end
  end

  // Multiplies bit by bit from the lowest one and drops a bit of the product each time, which rounds down once.
  for (genvar p = 0; p < PE; p++) begin : g_pe
    for (genvar b = 0; b < DRAW_BITS; b++) begin : g_bit
      logic [SPREAD_BITS-1:0] spread, product, term, product_q;
      logic [DRAW_BITS-1:b] draw;
      if (b == 0) begin : g_first
        assign spread  = spread_q[p*SPREAD_BITS+:SPREAD_BITS];
        assign draw    = draw_q[p*DRAW_BITS+:DRAW_BITS];
        assign product = '0;
      end else begin : g_next
        assign spread  = g_bit[b-1].g_delay.spread_d_q;
        assign draw    = g_bit[b-1].g_delay.draw_d_q;
        assign product = g_bit[b-1].product_q;
      end
      if (b < DRAW_BITS - 1) begin : g_delay
        logic [SPREAD_BITS-1:0] spread_d_q;
        logic [DRAW_BITS-1:b+1] draw_d_q;
        always_ff @(posedge clk) begin
          if (advance) begin
            spread_d_q <= spread;
            draw_d_q   <= draw[DRAW_BITS-1:b+1];
          end
        end
      end
      assign term = draw[b] ? spread : '0;
      always_ff @(posedge clk) if (advance) product_q <= SPREAD_BITS'(({1'b0, product} + {1'b0, term}) >> 1);
    end
    assign out_data[p*SPREAD_BITS+:SPREAD_BITS] = g_bit[DRAW_BITS-1].product_q;
  end
endmodule
