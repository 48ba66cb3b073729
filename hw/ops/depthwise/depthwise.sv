/// Depthwise convolution behind a window: y[c] = ((sum over taps t of w[c,t] * x[t,c]) << SHIFT) + bias[c].
///
/// A beat has one tap of PE channels; the TAPS beats of a group of channels follow one another, so that PE registers
/// hold all sums there are. One beat in a cycle, one beat out for TAPS beats in. No multipliers: see
/// depthwise_product. The weights' memory has tap t of group f at word f * TAPS + t, channel p of the group at bits
/// p * W_BITS.
module depthwise #(
    /// Taps of a kernel, groups of channels, channels in a group.
    parameter int TAPS = 9,
    parameter int FOLDS = 1,
    parameter int PE = 1,
    /// Activations: bits; 1 if two's complement.
    parameter int X_BITS = 2,
    parameter int X_SIGNED = 0,
    /// Weights: bits; 1 if two's complement; 1 if the one bit means -1 and +1.
    parameter int W_BITS = 2,
    parameter int W_SIGNED = 1,
    parameter int W_BIPOLAR = 0,
    /// Bits of the accumulator; 1 if it is two's complement.
    parameter int ACC_BITS = 8,
    parameter int ACC_SIGNED = 1,
    parameter int SHIFT = 0,
    /// Bits of a result.
    parameter int Y_BITS = 8,
    /// Weights' memory: 0 the synthesizer chooses, 1 logic, 2 block RAM.
    parameter int MEMORY = 0,
    /// Files for $readmemh: FOLDS * TAPS words of weights; FOLDS words of PE biases, modulo 2**Y_BITS.
    parameter string WEIGHTS = "",
    parameter string BIASES = ""
) (
    input  logic                 clk,
    /// Synchronous, active high; drops everything held and starts with the first tap of the first group.
    input  logic                 rst,

    input  logic [PE*X_BITS-1:0] in_data,
    input  logic                 in_valid,
    output logic                 in_ready,

    output logic [PE*Y_BITS-1:0] out_data,
    output logic                 out_valid,
    input  logic                 out_ready
);
  if (TAPS < 1 || FOLDS < 1 || PE < 1) $fatal(1, "depthwise: TAPS, FOLDS and PE must be at least 1");
  if (X_BITS < 1 || X_BITS > 8 || W_BITS < 1 || W_BITS > 8) $fatal(1, "depthwise: operands have 1 to 8 bits");
  if (W_BIPOLAR != 0 && W_BITS != 1) $fatal(1, "depthwise: bipolar weights have 1 bit");
  if (ACC_BITS < 1 || Y_BITS < 1 || SHIFT < 0) $fatal(1, "depthwise: ACC_BITS, Y_BITS at least 1, SHIFT at least 0");
  if (MEMORY < 0 || MEMORY > 2) $fatal(1, "depthwise: MEMORY must be 0, 1 or 2");

  function automatic int bits(input int count);
    bits = count > 1 ? $clog2(count) : 1;
  endfunction
  localparam int WORDS = TAPS * FOLDS;
  localparam int TAP_BITS = bits(TAPS);
  localparam int FOLD_BITS = bits(FOLDS);
  localparam int WORD_BITS = bits(WORDS);

  // Operands as they are multiplied: one bit that has a sign takes two (bipolar -1 = 11b, +1 = 01b).
  localparam int X_WIDE = X_SIGNED != 0 && X_BITS == 1 ? 2 : X_BITS;
  localparam int W_WIDE = (W_SIGNED != 0 || W_BIPOLAR != 0) && W_BITS == 1 ? 2 : W_BITS;
  localparam int W_NEGATIVE = W_SIGNED != 0 || W_BIPOLAR != 0 ? 1 : 0;
  localparam bit SERIAL_W = W_WIDE < X_WIDE;
  localparam int PLANES = SERIAL_W ? W_WIDE : X_WIDE;
  localparam int NATURAL = X_WIDE + W_WIDE;
  localparam int PRODUCT_BITS = NATURAL < ACC_BITS ? NATURAL : ACC_BITS;
  localparam bit PRODUCT_SIGNED = X_SIGNED != 0 || W_NEGATIVE != 0;
  localparam int LATENCY = 1 + $clog2(PLANES);  // of depthwise_product

  // One enable for the whole pipeline: it stands while the output waits.
  logic enable, issue, out_valid_q;
  assign enable = !out_valid_q || out_ready;
  assign in_ready = enable;
  assign issue = enable && in_valid;
  assign out_valid = out_valid_q;

  logic [TAP_BITS-1:0] tap_q;
  logic [WORD_BITS-1:0] word_q;
  logic tap_end;
  assign tap_end = tap_q == TAP_BITS'(TAPS - 1);
  always_ff @(posedge clk) begin
    if (rst) begin
      tap_q  <= '0;
      word_q <= '0;
    end else if (issue) begin
      tap_q  <= tap_end ? '0 : tap_q + TAP_BITS'(1);
      word_q <= word_q == WORD_BITS'(WORDS - 1) ? '0 : word_q + WORD_BITS'(1);
    end
  end

  logic [PE*X_BITS-1:0] x_q;
  always_ff @(posedge clk) if (enable) x_q <= in_data;

  logic [PE*W_BITS-1:0] w_q;
  if (MEMORY == 1) begin : g_logic
    (* rom_style = "logic" *) logic [PE*W_BITS-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end else if (MEMORY == 2) begin : g_block
    (* rom_style = "block" *) logic [PE*W_BITS-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end else begin : g_auto
    logic [PE*W_BITS-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end

  // Bit d of each: the beat d + 1 cycles after it was taken in.
  logic [LATENCY:0] valid_q, first_q, last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else if (enable) valid_q <= (LATENCY + 1)'({valid_q, issue});
    if (enable) begin
      first_q <= (LATENCY + 1)'({first_q, tap_q == '0});
      last_q  <= (LATENCY + 1)'({last_q, tap_end});
    end
  end

  logic add, finish, done_q;
  assign add = enable && valid_q[LATENCY];
  assign finish = add && last_q[LATENCY];

  logic [PE*Y_BITS-1:0] biases[FOLDS];
  initial $readmemh(BIASES, biases);
  logic [FOLD_BITS-1:0] fold_q;
  logic [PE*Y_BITS-1:0] bias_q;
  always_ff @(posedge clk) begin
    if (rst) fold_q <= '0;
    else if (finish) fold_q <= fold_q == FOLD_BITS'(FOLDS - 1) ? '0 : fold_q + FOLD_BITS'(1);
    if (finish) bias_q <= biases[fold_q];
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      done_q      <= 1'b0;
      out_valid_q <= 1'b0;
    end else if (enable) begin
      done_q      <= finish;
      out_valid_q <= done_q;
    end
  end

  for (genvar p = 0; p < PE; p++) begin : g_pe
    logic [X_BITS-1:0] x_code;
    logic [W_BITS-1:0] w_code;
    logic [X_WIDE-1:0] x;
    logic [W_WIDE-1:0] w;
    assign x_code = x_q[p*X_BITS+:X_BITS];
    assign w_code = w_q[p*W_BITS+:W_BITS];
    assign x = X_SIGNED != 0 ? X_WIDE'($signed(x_code)) : X_WIDE'(x_code);
    if (W_BIPOLAR != 0) begin : g_bipolar
      assign w = {!w_code[0], 1'b1};
    end else begin : g_integer
      assign w = W_SIGNED != 0 ? W_WIDE'($signed(w_code)) : W_WIDE'(w_code);
    end

    logic [PRODUCT_BITS-1:0] product;
    if (SERIAL_W) begin : g_weight_bits
      depthwise_product #(
          .PLANES(PLANES),
          .SERIAL_SIGNED(W_NEGATIVE),
          .FULL_BITS(X_WIDE),
          .FULL_SIGNED(X_SIGNED),
          .OUT_BITS(PRODUCT_BITS)
      ) u_product (
          .clk,
          .enable,
          .serial(w),
          .full(x),
          .product
      );
    end else begin : g_activation_bits
      depthwise_product #(
          .PLANES(PLANES),
          .SERIAL_SIGNED(X_SIGNED),
          .FULL_BITS(W_WIDE),
          .FULL_SIGNED(W_NEGATIVE),
          .OUT_BITS(PRODUCT_BITS)
      ) u_product (
          .clk,
          .enable,
          .serial(x),
          .full(w),
          .product
      );
    end

    logic [ACC_BITS-1:0] wide_product, acc_q;
    assign wide_product = PRODUCT_SIGNED ? ACC_BITS'($signed(product)) : ACC_BITS'(product);
    always_ff @(posedge clk) if (add) acc_q <= (first_q[LATENCY] ? '0 : acc_q) + wide_product;

    logic [Y_BITS-1:0] sum, y_q;
    assign sum = ACC_SIGNED != 0 ? Y_BITS'($signed(acc_q)) : Y_BITS'(acc_q);
    always_ff @(posedge clk) if (enable && done_q) y_q <= (sum << SHIFT) + bias_q[p*Y_BITS+:Y_BITS];
    assign out_data[p*Y_BITS+:Y_BITS] = y_q;
  end
endmodule
