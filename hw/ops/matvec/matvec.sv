/// Matrix times vector (FINN's MVAU): y[m] = ((sum over k of w[m,k] * x[k]) << SHIFT) + bias[m].
///
/// PE rows and SIMD columns at a time: a vector of BEATS beats of SIMD activations gives FOLDS beats of PE results,
/// in BEATS * FOLDS cycles. It is read from the input once, kept in a ring of two vectors and replayed for each fold
/// of rows, while the next vector is taken in. Products: see matvec_dot, matvec_multiply. The weights' memory has the word of
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
    /// 1: products by multipliers, which the synthesizer finds in matvec_multiply; 0: bit by bit, in logic.
    parameter int MULTIPLY = 0,
    /// Which operand is taken bit by bit: 0 activations, 1 weights.
    parameter int SERIAL_W = 0,
    /// Bits of the accumulator; 1 if it is two's complement.
    parameter int ACC_BITS = 8,
    parameter int ACC_SIGNED = 1,
    parameter int SHIFT = 0,
    /// Bits of a result.
    parameter int Y_BITS = 8,
    /// 1: the weights, the ring of activations are in block RAM; 0: in logic.
    parameter int W_BLOCK = 0,
    parameter int X_BLOCK = 0,
    /// 1: weights and biases can be rewritten through cfg_*.
    parameter int WRITABLE = 0,
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
    input  logic                   out_ready,

    /// Writes a column of a word of weights, or a bias, where `cfg_write`, while no frame is inside; see README.md for
    /// the addresses.
    input  logic                   cfg_write   = 1'b0,
    input  logic [           23:0] cfg_address = '0,
    input  logic [           31:0] cfg_data    = '0
);
  if (BEATS < 1 || FOLDS < 1 || PE < 1 || SIMD < 1) $fatal(1, "matvec: BEATS, FOLDS, PE, SIMD must be at least 1");
  if (X_BITS < 1 || X_BITS > 16) $fatal(1, "matvec: inputs have 1 to 16 bits");
  if (W_BITS < 1 || W_BITS > 8) $fatal(1, "matvec: weights have 1 to 8 bits");
  if (W_BIPOLAR != 0 && (W_BITS != 1 || XNOR == 0 && SERIAL_W == 0))
    $fatal(1, "matvec: bipolar weights have 1 bit and are taken bit by bit");
  if (MULTIPLY < 0 || MULTIPLY > 1 || MULTIPLY != 0 && (X_BITS < 2 || W_BITS < 2))
    $fatal(1, "matvec: MULTIPLY must be 0 or 1, with operands of at least 2 bits");
  if (ACC_BITS < 1 || Y_BITS < 1 || SHIFT < 0) $fatal(1, "matvec: ACC_BITS, Y_BITS at least 1, SHIFT at least 0");
  if (W_BLOCK < 0 || W_BLOCK > 1 || X_BLOCK < 0 || X_BLOCK > 1) $fatal(1, "matvec: W_BLOCK, X_BLOCK must be 0 or 1");
  if (WRITABLE < 0 || WRITABLE > 1 || WRITABLE != 0 && Y_BITS > 32)
    $fatal(1, "matvec: WRITABLE must be 0 or 1, with results of at most 32 bits");

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
  // A single sign plane is subtracted.
  localparam bit NEGATIVE = MULTIPLY == 0 && SERIAL_SIGNED != 0 && PLANES == 1;
  // A block RAM is so slow to answer that its word goes into one more register.
  localparam int FETCH = W_BLOCK != 0 || X_BLOCK != 0 ? 2 : 1;
  localparam int LATENCY = FETCH + $clog2(SIMD) + (MULTIPLY != 0 ? 0 : $clog2(PLANES));  // of the last fetch register and the sum

  // One enable for the whole pipeline, from a register: it stands while a result waits for its place at the output.
  logic enable_q, issue;

  // Position in the vector, in the folds, in the weights. Its ends are registers: much hangs on them.
  logic [WORD_BITS-1:0] word_q;
  logic beat_first_q, beat_last_q, fold_last_q;
  if (BEATS > 1) begin : g_beats
    logic [BEAT_BITS-1:0] beat_q;
    always_ff @(posedge clk) begin
      if (rst) begin
        beat_q <= '0;
        beat_first_q <= 1'b1;
        beat_last_q <= 1'b0;
      end else if (issue) begin
        beat_q <= beat_last_q ? '0 : beat_q + BEAT_BITS'(1);
        beat_first_q <= beat_last_q;
        beat_last_q <= beat_q == BEAT_BITS'(BEATS - 2);
      end
    end
  end else begin : g_one_beat
    assign beat_first_q = 1'b1;
    assign beat_last_q  = 1'b1;
  end
  if (FOLDS > 1) begin : g_folds
    logic [FOLD_BITS-1:0] fold_q;
    always_ff @(posedge clk) begin
      if (rst) begin
        fold_q <= '0;
        fold_last_q <= 1'b0;
      end else if (issue && beat_last_q) begin
        fold_q <= fold_last_q ? '0 : fold_q + FOLD_BITS'(1);
        fold_last_q <= fold_q == FOLD_BITS'(FOLDS - 2);
      end
    end
  end else begin : g_one_fold
    assign fold_last_q = 1'b1;
  end
  always_ff @(posedge clk) begin
    if (rst) word_q <= '0;
    else if (issue) word_q <= beat_last_q && fold_last_q ? '0 : word_q + WORD_BITS'(1);
  end

  logic [X_WIDTH-1:0] x_fetched_q;
  if (FOLDS == 1) begin : g_direct
    assign in_ready = enable_q;
    assign issue = enable_q && in_valid;
    always_ff @(posedge clk) if (enable_q) x_fetched_q <= in_data;
  end else begin : g_replay
    localparam int DEPTH = 2 * BEATS;
    localparam int ADDRESS_BITS = $clog2(DEPTH);
    localparam int COUNT_BITS = $clog2(DEPTH + 1);
    typedef logic [ADDRESS_BITS-1:0] address_t;
    typedef logic [COUNT_BITS-1:0] count_t;

    address_t write_q, read_q;
    count_t held_q, fresh_q;  // beats not yet read in the last fold; not yet read at all
    logic full_q, any_q;  // held_q == DEPTH, fresh_q != 0
    logic fold_first_q, second_q, push, take, release_slot;

    assign in_ready = !full_q;
    assign push = in_valid && in_ready;
    assign issue = enable_q && (!fold_first_q || any_q);
    assign take = issue && fold_first_q;
    assign release_slot = issue && fold_last_q;

    always_ff @(posedge clk) begin
      if (rst) begin
        write_q  <= '0;
        read_q   <= '0;
        held_q   <= '0;
        full_q   <= 1'b0;
        fresh_q  <= '0;
        any_q    <= 1'b0;
        second_q <= 1'b0;
        fold_first_q <= 1'b1;
      end else begin
        if (push != release_slot) begin
          held_q <= push ? held_q + count_t'(1) : held_q - count_t'(1);
          full_q <= push && held_q == count_t'(DEPTH - 1);
        end
        if (push != take) begin
          fresh_q <= push ? fresh_q + count_t'(1) : fresh_q - count_t'(1);
          any_q   <= push || fresh_q != count_t'(1);
        end
        if (push) write_q <= write_q == address_t'(DEPTH - 1) ? '0 : write_q + address_t'(1);
        if (issue && beat_last_q) begin
          fold_first_q <= fold_last_q;
          if (fold_last_q) second_q <= !second_q;
          read_q <= second_q != fold_last_q ? address_t'(BEATS) : '0;
        end else if (issue) begin
          read_q <= read_q + address_t'(1);
        end
      end
    end

    // Beats are read only after they were written, never at one address at once.
    if (X_BLOCK != 0) begin : g_block
      (* no_rw_check, ram_style = "block" *) logic [X_WIDTH-1:0] ring[DEPTH];
      always_ff @(posedge clk) if (push) ring[write_q] <= in_data;
      always_ff @(posedge clk) if (enable_q) x_fetched_q <= ring[read_q];
    end else begin : g_distributed
      (* no_rw_check, ram_style = "distributed" *) logic [X_WIDTH-1:0] ring[DEPTH];
      always_ff @(posedge clk) if (push) ring[write_q] <= in_data;
      always_ff @(posedge clk) if (enable_q) x_fetched_q <= ring[read_q];
    end
  end

  // What is written: {0, word, column} of the weights, {1, fold, row} of the biases, the 1 above the larger of both.
  localparam int COLUMN = 32 / W_BITS * W_BITS;  // bits written at once: whole weights
  localparam int COLUMNS = (W_WIDTH + COLUMN - 1) / COLUMN;
  localparam int COLUMN_BITS = $clog2(COLUMNS);
  localparam int ROW_BITS = $clog2(PE);
  localparam int WEIGHTS_SIZE = COLUMN_BITS + $clog2(WORDS);
  localparam int BIASES_SIZE = ROW_BITS + $clog2(FOLDS);
  localparam int BIASES_AT = WEIGHTS_SIZE > BIASES_SIZE ? WEIGHTS_SIZE : BIASES_SIZE;
  logic write_weights, write_biases, unused;
  logic [WORD_BITS-1:0] write_word;
  logic [COLUMNS-1:0] write_column;
  assign write_weights = WRITABLE != 0 && cfg_write && cfg_address >> WEIGHTS_SIZE == '0;
  assign write_biases = WRITABLE != 0 && cfg_write && cfg_address >> BIASES_SIZE == 24'(1 << BIASES_AT - BIASES_SIZE);
  assign write_word = WORD_BITS'(cfg_address >> COLUMN_BITS);
  for (genvar c = 0; c < COLUMNS; c++) begin : g_column
    assign write_column[c] = write_weights && (cfg_address & 24'((1 << COLUMN_BITS) - 1)) == 24'(c);
  end
  assign unused = &{cfg_write, cfg_address, cfg_data};

  logic [W_WIDTH-1:0] w_fetched_q;
  if (W_BLOCK != 0) begin : g_block
    (* no_rw_check, rom_style = "block" *) logic [W_WIDTH-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable_q) w_fetched_q <= rom[word_q];
    for (genvar c = 0; c < COLUMNS; c++) begin : g_write
      localparam int BITS = W_WIDTH - c * COLUMN < COLUMN ? W_WIDTH - c * COLUMN : COLUMN;
      always_ff @(posedge clk) if (write_column[c]) rom[write_word][c*COLUMN+:BITS] <= BITS'(cfg_data);
    end
  end else begin : g_logic
    (* no_rw_check, rom_style = "logic" *) logic [W_WIDTH-1:0] rom[WORDS];
    initial $readmemh(WEIGHTS, rom);
    always_ff @(posedge clk) if (enable_q) w_fetched_q <= rom[word_q];
    for (genvar c = 0; c < COLUMNS; c++) begin : g_write
      localparam int BITS = W_WIDTH - c * COLUMN < COLUMN ? W_WIDTH - c * COLUMN : COLUMN;
      always_ff @(posedge clk) if (write_column[c]) rom[write_word][c*COLUMN+:BITS] <= BITS'(cfg_data);
    end
  end

  logic [X_WIDTH-1:0] x_q;
  logic [W_WIDTH-1:0] w_q;
  if (FETCH == 2) begin : g_fetch
    always_ff @(posedge clk) begin
      if (enable_q) begin
        x_q <= x_fetched_q;
        w_q <= w_fetched_q;
      end
    end
  end else begin : g_at_once
    assign x_q = x_fetched_q;
    assign w_q = w_fetched_q;
  end

  // Bit d of each: the beat d + 1 cycles after it was issued.
  logic [LATENCY:0] valid_q, first_q, last_q;
  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else if (enable_q) valid_q <= (LATENCY + 1)'({valid_q, issue});
    if (enable_q) begin
      first_q <= (LATENCY + 1)'({first_q, beat_first_q});
      last_q  <= (LATENCY + 1)'({last_q, beat_last_q});
    end
  end

  logic add, finish, done_q;
  assign add = enable_q && valid_q[LATENCY];
  assign finish = add && last_q[LATENCY];

  (* no_rw_check *) logic [PE*Y_BITS-1:0] biases[FOLDS];
  initial $readmemh(BIASES, biases);
  for (genvar p = 0; p < PE; p++) begin : g_bias
    always_ff @(posedge clk) begin
      if (write_biases && (cfg_address & 24'((1 << ROW_BITS) - 1)) == 24'(p))
        biases[FOLDS > 1 ? FOLD_BITS'(cfg_address >> ROW_BITS) : '0][p*Y_BITS+:Y_BITS] <= Y_BITS'(cfg_data);
    end
  end
  logic [FOLD_BITS-1:0] bias_fold_q;
  logic [PE*Y_BITS-1:0] bias_q;
  always_ff @(posedge clk) begin
    if (rst) bias_fold_q <= '0;
    else if (finish) bias_fold_q <= bias_fold_q == FOLD_BITS'(FOLDS - 1) ? '0 : bias_fold_q + FOLD_BITS'(1);
    if (finish) bias_q <= biases[bias_fold_q];
  end

  // The output holds a result, and with one beat per vector a second one: there they come every cycle, and one more is
  // under way when the output turns out to be stuck. `done_q`: a sum is complete and becomes a result when enabled.
  logic write, waits_q, waits_d, spare_q, spare_d, done_d;
  logic [PE*Y_BITS-1:0] result_q;
  assign write = enable_q && done_q;
  assign done_d = enable_q ? finish : done_q;
  assign waits_d = write || spare_q || waits_q && !out_ready;
  assign spare_d = BEATS == 1 && waits_q && !out_ready && (write || spare_q);
  always_ff @(posedge clk) begin
    if (rst) begin
      done_q   <= 1'b0;
      waits_q  <= 1'b0;
      spare_q  <= 1'b0;
      enable_q <= 1'b1;
    end else begin
      done_q   <= done_d;
      waits_q  <= waits_d;
      spare_q  <= spare_d;
      enable_q <= !done_d || (BEATS == 1 ? !spare_d : !waits_d);
    end
  end
  assign out_valid = waits_q;
  if (BEATS == 1) begin : g_spare
    logic [PE*Y_BITS-1:0] older_q;
    always_ff @(posedge clk) if (write) older_q <= result_q;
    assign out_data = spare_q ? older_q : result_q;
  end else begin : g_single
    assign out_data = result_q;
  end

  for (genvar p = 0; p < PE; p++) begin : g_pe
    logic [SIMD*W_BITS-1:0] w;
    assign w = w_q[p*SIMD*W_BITS+:SIMD*W_BITS];

    logic [ACC_BITS-1:0] sum, base, acc_q;
    if (MULTIPLY != 0) begin : g_multiply
      matvec_multiply #(
          .LANES(SIMD),
          .A_BITS(X_BITS),
          .A_SIGNED(X_SIGNED),
          .B_BITS(W_BITS),
          .B_SIGNED(W_SIGNED),
          .OUT_BITS(ACC_BITS)
      ) u_products (
          .clk,
          .enable(enable_q),
          .a(x_q),
          .b(w),
          .sum
      );
    end else begin : g_planes
      logic [SIMD*PLANES-1:0] serial;
      logic [SIMD*FULL_BITS-1:0] full;
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
          .enable(enable_q),
          .serial,
          .full,
          .sum
      );
    end

    assign base = first_q[LATENCY] ? '0 : acc_q;
    always_ff @(posedge clk) if (add) acc_q <= NEGATIVE ? base - sum : base + sum;

    logic [Y_BITS-1:0] wide, y_q;
    assign wide = ACC_SIGNED != 0 ? Y_BITS'($signed(acc_q)) : Y_BITS'(acc_q);
    always_ff @(posedge clk) if (write) y_q <= (wide << SHIFT) + bias_q[p*Y_BITS+:Y_BITS];
    assign result_q[p*Y_BITS+:Y_BITS] = y_q;
  end
endmodule
