/// Matrix times vector (FINN's MVAU): y[m] = ((sum over k of w[m,k] * x[k]) << SHIFT) + bias[m].
///
/// PE rows and SIMD columns at a time: a vector of BEATS beats of SIMD activations gives FOLDS beats of PE results,
/// in BEATS * FOLDS cycles. It is read from the input once, kept in a ring of two vectors and replayed for each fold
/// of rows, while the next vector is taken in. No multipliers: see matvec_dot. The weights' memory has the word of
/// cycle f * BEATS + s at that address: lane i of row p of the fold at bits (p * SIMD + i) * W_BITS.
module matvec #(
    /// Beats per vector, row folds, rows and columns per cycle.
    parameter int BEATS = 1,
    parameter int FOLDS = 1,
    parameter int PE = 1,
    parameter int SIMD = 1,
    /// Activations: bits; 1 if two's complement.
    parameter int X_BITS = 2,
    parameter int X_SIGNED = 0,
    /// Weights: bits; 1 if two's complement; 1 if the one bit means -1 and +1.
    parameter int W_BITS = 2,
    parameter int W_SIGNED = 1,
    parameter int W_BIPOLAR = 0,
    /// 1: weights and activations are one bit, a product is their XNOR, and BIASES makes up for the offset.
    parameter int XNOR = 0,
    /// Which operand is taken bit by bit: 0 activations, 1 weights.
    parameter int SERIAL_W = 0,
    /// Bits of the accumulator; 1 if it is two's complement.
    parameter int ACC_BITS = 8,
    parameter int ACC_SIGNED = 1,
    parameter int SHIFT = 0,
    /// Bits of a result.
    parameter int Y_BITS = 8,
    /// Weights' memory: 0 the synthesizer chooses, 1 logic, 2 block RAM.
    parameter int MEMORY = 0,
    /// Files for $readmemh: FOLDS * BEATS words of weights; FOLDS words of PE biases, modulo 2**Y_BITS.
    parameter string WEIGHTS = "",
    parameter string BIASES = ""
) (
    input  logic                   clk,
    /// Synchronous, active high; drops everything held and starts with the first beat of a vector.
    input  logic                   rst,

    input  logic [SIMD*X_BITS-1:0] in_data,
    input  logic                   in_valid,
    output logic                   in_ready,

    output logic [  PE*Y_BITS-1:0] out_data,
    output logic                   out_valid,
    input  logic                   out_ready
);
  if (BEATS < 1 || FOLDS < 1 || PE < 1 || SIMD < 1) $fatal(1, "matvec: BEATS, FOLDS, PE, SIMD must be at least 1");
  if (X_BITS < 1 || X_BITS > 8 || W_BITS < 1 || W_BITS > 8) $fatal(1, "matvec: operands have 1 to 8 bits");
  if (W_BIPOLAR != 0 && (W_BITS != 1 || XNOR == 0 && SERIAL_W == 0))
    $fatal(1, "matvec: bipolar weights have 1 bit and are taken bit by bit");
  if (ACC_BITS < 1 || Y_BITS < 1 || SHIFT < 0) $fatal(1, "matvec: ACC_BITS, Y_BITS at least 1, SHIFT at least 0");
  if (MEMORY < 0 || MEMORY > 2) $fatal(1, "matvec: MEMORY must be 0, 1 or 2");

  function automatic int bits(input int count);
    bits = count > 1 ? $clog2(count) : 1;
  endfunction
  localparam int X_WIDTH = SIMD * X_BITS;
  localparam int W_WIDTH = PE * SIMD * W_BITS;
  localparam int WORDS = BEATS * FOLDS;
  localparam int BEAT_BITS = bits(BEATS);
  localparam int FOLD_BITS = bits(FOLDS);
  localparam int WORD_BITS = bits(WORDS);

  // Bipolar weights are -1 = 11b and +1 = 01b in two's complement.
  localparam bit EXPAND = W_BIPOLAR != 0 && XNOR == 0;
  localparam int PLANES = EXPAND ? 2 : SERIAL_W != 0 ? W_BITS : X_BITS;
  localparam int SERIAL_SIGNED = EXPAND ? 1 : SERIAL_W != 0 ? W_SIGNED : X_SIGNED;
  localparam int FULL_BITS = SERIAL_W != 0 ? X_BITS : W_BITS;
  localparam int FULL_SIGNED = SERIAL_W != 0 ? X_SIGNED : W_SIGNED;
  localparam int LATENCY = 1 + $clog2(SIMD) + $clog2(PLANES);  // of matvec_dot

  // One enable for the whole pipeline: it stands while the output waits.
  logic enable, issue, out_valid_q;
  assign enable = !out_valid_q || out_ready;

  // Position in the vector, in the folds, in the weights.
  logic [BEAT_BITS-1:0] beat_q;
  logic [WORD_BITS-1:0] word_q;
  logic beat_end;
  assign beat_end = beat_q == BEAT_BITS'(BEATS - 1);
  always_ff @(posedge clk) begin
    if (rst) begin
      beat_q <= '0;
      word_q <= '0;
    end else if (issue) begin
      beat_q <= beat_end ? '0 : beat_q + BEAT_BITS'(1);
      word_q <= word_q == WORD_BITS'(WORDS - 1) ? '0 : word_q + WORD_BITS'(1);
    end
  end

  logic [X_WIDTH-1:0] x_q;
  if (FOLDS == 1) begin : g_direct
    assign in_ready = enable;
    assign issue = enable && in_valid;
    always_ff @(posedge clk) if (enable) x_q <= in_data;
  end else begin : g_replay
    localparam int DEPTH = 2 * BEATS;
    localparam int ADDRESS_BITS = $clog2(DEPTH);
    localparam int COUNT_BITS = $clog2(DEPTH + 1);
    typedef logic [ADDRESS_BITS-1:0] address_t;
    typedef logic [COUNT_BITS-1:0] count_t;

    // Beats are read only after they were written, never at one address at once.
    (* no_rw_check *) logic [X_WIDTH-1:0] ring[DEPTH];
    address_t write_q, read_q;
    count_t held_q, fresh_q;  // beats not yet read in the last fold; not yet read at all
    logic [FOLD_BITS-1:0] fold_q;
    logic second_q, push, fold_first, fold_last;

    assign in_ready = held_q != count_t'(DEPTH);
    assign push = in_valid && in_ready;
    assign fold_first = fold_q == '0;
    assign fold_last = fold_q == FOLD_BITS'(FOLDS - 1);
    assign issue = enable && (!fold_first || fresh_q != '0);

    always_ff @(posedge clk) begin
      if (rst) begin
        write_q  <= '0;
        read_q   <= '0;
        held_q   <= '0;
        fresh_q  <= '0;
        fold_q   <= '0;
        second_q <= 1'b0;
      end else begin
        held_q  <= held_q + count_t'(push) - count_t'(issue && fold_last);
        fresh_q <= fresh_q + count_t'(push) - count_t'(issue && fold_first);
        if (push) write_q <= write_q == address_t'(DEPTH - 1) ? '0 : write_q + address_t'(1);
        if (issue && beat_end) begin
          fold_q <= fold_last ? '0 : fold_q + FOLD_BITS'(1);
          if (fold_last) second_q <= !second_q;
          read_q <= second_q != fold_last ? address_t'(BEATS) : '0;
        end else if (issue) begin
          read_q <= read_q + address_t'(1);
        end
      end
    end

    always_ff @(posedge clk) if (push) ring[write_q] <= in_data;
    always_ff @(posedge clk) if (enable) x_q <= ring[read_q];
  end

  logic [W_WIDTH-1:0] w_q;
  if (MEMORY == 1) begin : g_logic
    (* rom_style = "logic" *) logic [W_WIDTH-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end else if (MEMORY == 2) begin : g_block
    (* rom_style = "block" *) logic [W_WIDTH-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end else begin : g_auto
    logic [W_WIDTH-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable) w_q <= rom[word_q];
  end

  // Bit d of each: the beat d + 1 cycles after it was issued.
  logic [LATENCY:0] valid_q, first_q, last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else if (enable) valid_q <= (LATENCY + 1)'({valid_q, issue});
    if (enable) begin
      first_q <= (LATENCY + 1)'({first_q, beat_q == '0});
      last_q  <= (LATENCY + 1)'({last_q, beat_end});
    end
  end

  logic add, finish, done_q;
  assign add = enable && valid_q[LATENCY];
  assign finish = add && last_q[LATENCY];

  logic [PE*Y_BITS-1:0] biases[FOLDS];
  initial $readmemh(BIASES, biases);
  logic [FOLD_BITS-1:0] bias_fold_q;
  logic [PE*Y_BITS-1:0] bias_q;
  always_ff @(posedge clk) begin
    if (rst) bias_fold_q <= '0;
    else if (finish) bias_fold_q <= bias_fold_q == FOLD_BITS'(FOLDS - 1) ? '0 : bias_fold_q + FOLD_BITS'(1);
    if (finish) bias_q <= biases[bias_fold_q];
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
  assign out_valid = out_valid_q;

  for (genvar p = 0; p < PE; p++) begin : g_pe
    logic [SIMD*W_BITS-1:0] w;
    logic [SIMD*PLANES-1:0] serial;
    logic [SIMD*FULL_BITS-1:0] full;
    assign w = w_q[p*SIMD*W_BITS+:SIMD*W_BITS];
    if (EXPAND) begin : g_expand
      for (genvar i = 0; i < SIMD; i++) begin : g_lane
        assign serial[2*i+:2] = {!w[i], 1'b1};
      end
      assign full = x_q;
    end else if (SERIAL_W != 0) begin : g_weights
      assign serial = w;
      assign full = x_q;
    end else begin : g_activations
      assign serial = x_q;
      assign full = w;
    end

    logic [ACC_BITS-1:0] sum, base, acc_q;
    matvec_dot #(
        .LANES(SIMD),
        .PLANES(PLANES),
        .SERIAL_SIGNED(SERIAL_SIGNED),
        .FULL_BITS(FULL_BITS),
        .FULL_SIGNED(FULL_SIGNED),
        .XNOR(XNOR),
        .OUT_BITS(ACC_BITS)
    ) u_dot (
        .clk,
        .enable,
        .serial,
        .full,
        .sum
    );

    assign base = first_q[LATENCY] ? '0 : acc_q;
    always_ff @(posedge clk) if (add) acc_q <= SERIAL_SIGNED != 0 && PLANES == 1 ? base - sum : base + sum;

    logic [Y_BITS-1:0] wide, y_q;
    assign wide = ACC_SIGNED != 0 ? Y_BITS'($signed(acc_q)) : Y_BITS'(acc_q);
    always_ff @(posedge clk) if (enable && done_q) y_q <= (wide << SHIFT) + bias_q[p*Y_BITS+:Y_BITS];
    assign out_data[p*Y_BITS+:Y_BITS] = y_q;
  end
endmodule
