/// Joins streams along their last axis: FOLDS0 beats of input 0, then FOLDS1 of input 1, and so on, again and again.
///
/// The inputs lie side by side, input 0 lowest. The output is registered.
module concat #(
    /// Bits of one beat, of every stream.
    parameter int WIDTH = 8,
    /// Inputs, 2 to 8.
    parameter int INPUTS = 2,
    /// Beats per pixel of each input.
    parameter int FOLDS0 = 1,
    parameter int FOLDS1 = 1,
    parameter int FOLDS2 = 1,
    parameter int FOLDS3 = 1,
    parameter int FOLDS4 = 1,
    parameter int FOLDS5 = 1,
    parameter int FOLDS6 = 1,
    parameter int FOLDS7 = 1
) (
    input  logic                    clk,
    /// Synchronous, active high; the next beat is the first one of a pixel of input 0.
    input  logic                    rst,

    input  logic [INPUTS*WIDTH-1:0] in_data,
    input  logic [      INPUTS-1:0] in_valid,
    output logic [      INPUTS-1:0] in_ready,

    output logic [       WIDTH-1:0] out_data,
    output logic                    out_valid,
    input  logic                    out_ready
);
  if (WIDTH < 1) $fatal(1, "concat: WIDTH must be at least 1");
  if (INPUTS < 2 || INPUTS > 8) $fatal(1, "concat: INPUTS must be 2 to 8");

  function automatic int folds(input int index);
    case (index)
      0: folds = FOLDS0;
      1: folds = FOLDS1;
      2: folds = FOLDS2;
      3: folds = FOLDS3;
      4: folds = FOLDS4;
      5: folds = FOLDS5;
      6: folds = FOLDS6;
      default: folds = FOLDS7;
    endcase
  endfunction
  function automatic int most();
    most = 1;
    for (int i = 0; i < INPUTS; i++) if (folds(i) > most) most = folds(i);
  endfunction
  for (genvar i = 0; i < INPUTS; i++) begin : g_check
    if (folds(i) < 1) $fatal(1, "concat: FOLDS must be at least 1");
  end
  localparam int FOLD_BITS = $clog2(most() + 1);

  // The input whose turn it is, one bit each, and the beat within its part of the pixel.
  logic [INPUTS-1:0] turn_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic [WIDTH-1:0] out_q, chosen;
  logic valid_q, free, available, last;

  assign free      = !valid_q || out_ready;
  assign available = |(in_valid & turn_q);
  assign in_ready  = free ? turn_q : '0;
  assign out_valid = valid_q;
  assign out_data  = out_q;

  always_comb begin
    chosen = '0;
    last   = 1'b0;
    for (int i = 0; i < INPUTS; i++) begin
      if (turn_q[i]) begin
        chosen = chosen | in_data[i*WIDTH+:WIDTH];
        last   = fold_q == FOLD_BITS'(folds(i) - 1);
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      turn_q  <= INPUTS'(1);
      fold_q  <= '0;
      valid_q <= 1'b0;
    end else if (free) begin
      valid_q <= available;
      if (available) begin
        fold_q <= last ? '0 : fold_q + FOLD_BITS'(1);
        if (last) turn_q <= {turn_q[INPUTS-2:0], turn_q[INPUTS-1]};
      end
    end
    if (free) out_q <= chosen;
  end
endmodule
