/// Counts per channel how many sorted thresholds a value reaches: y = START + STEP * #{t : x >= t}.
///
/// A pipelined binary search: level j knows the first j bits of the count and compares with the one threshold that
/// decides the next bit. One beat a cycle; a beat leaves LEVELS + 1 cycles after it entered, and one more for every
/// level whose thresholds are in block RAM, which is so slow to answer that its word goes into one more register.
/// Codes: x is offset binary inside (the sign bit of a signed x is flipped), thresholds have one bit more, so that
/// 2**X_BITS means "never".
module threshold #(
    /// Elements per beat, and beats per pixel (channels = PE * FOLDS).
    parameter int PE = 1,
    parameter int FOLDS = 1,
    /// Bits of an input element; 1 if it is two's complement.
    parameter int X_BITS = 8,
    parameter int X_SIGNED = 0,
    /// Bits of an output element, at most 31.
    parameter int Y_BITS = 2,
    /// Bits of the count, 1 to 8.
    parameter int LEVELS = 2,
    /// Bit j: level j has its thresholds in block RAM.
    parameter int BLOCKS = 0,
    /// Output code at count 0, and what each threshold reached adds, modulo 2**Y_BITS.
    parameter int START = 0,
    parameter int STEP = 1,
    /// 1: the thresholds can be rewritten through cfg_*.
    parameter int WRITABLE = 0,
    /// Files for $readmemh: LEVELj has FOLDS * 2**j words, at fold * 2**j + count bits so far, of PE thresholds.
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
    /// Synchronous, active high; drops every beat held and starts with channel 0.
    input  logic                 rst,

    input  logic [PE*X_BITS-1:0] in_data,
    input  logic                 in_valid,
    output logic                 in_ready,

    output logic [PE*Y_BITS-1:0] out_data,
    output logic                 out_valid,
    input  logic                 out_ready,

    /// Writes a threshold code where `cfg_write`, while no frame is inside; see README.md for the addresses.
    input  logic                 cfg_write   = 1'b0,
    input  logic [         23:0] cfg_address = '0,
    input  logic [         31:0] cfg_data    = '0
);
  if (PE < 1 || FOLDS < 1) $fatal(1, "threshold: PE and FOLDS must be at least 1");
  if (X_BITS < 1) $fatal(1, "threshold: X_BITS must be at least 1");
  if (Y_BITS < 1 || Y_BITS > 31) $fatal(1, "threshold: Y_BITS must be 1 to 31");
  if (LEVELS < 1 || LEVELS > 8) $fatal(1, "threshold: LEVELS must be 1 to 8");

  if (WRITABLE < 0 || WRITABLE > 1 || WRITABLE != 0 && X_BITS > 31)
    $fatal(1, "threshold: WRITABLE must be 0 or 1, with inputs of at most 31 bits");
  if (BLOCKS < 0 || (BLOCKS >> LEVELS) != 0) $fatal(1, "threshold: BLOCKS has a bit per level");

  localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;

  // Cycles from the input to the address of a level.
  function automatic int start(input int level);
    start = level;
    for (int j = 0; j < level; j++) start += (BLOCKS >> j) & 1;
  endfunction
  localparam int LATENCY = start(LEVELS);

  // An address is {1, word of the level, lane}: the place of its highest 1 tells the level.
  localparam int LANE_BITS = $clog2(PE);
  logic unused;
  assign unused = &{cfg_write, cfg_address, cfg_data};

  logic enable;
  logic [LATENCY:0] valid_q;  // the last bit is the output
  assign enable = !valid_q[LATENCY] || out_ready;
  assign in_ready = enable;
  assign out_valid = valid_q[LATENCY];

  // The folds of the beats on their way, the newest first; `fold_q` belongs to the beat that comes next.
  logic [FOLD_BITS-1:0] fold_q, fold_next;
  assign fold_next = fold_q == FOLD_BITS'(FOLDS - 1) ? '0 : fold_q + FOLD_BITS'(1);
  logic [LATENCY*FOLD_BITS-1:0] folds_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else if (enable) begin
      valid_q <= {valid_q[LATENCY-1:0], in_valid};
      if (in_valid) fold_q <= fold_next;
    end
    if (enable) folds_q <= (LATENCY * FOLD_BITS)'({folds_q, fold_q});
  end

  for (genvar j = 0; j < LEVELS; j++) begin : g_level
    localparam string FILE = j == 0 ? LEVEL0 : j == 1 ? LEVEL1 : j == 2 ? LEVEL2 : j == 3 ? LEVEL3 :
                             j == 4 ? LEVEL4 : j == 5 ? LEVEL5 : j == 6 ? LEVEL6 : LEVEL7;
    localparam int DEPTH = FOLDS << j;
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam bit BLOCK = BLOCKS[j];
    localparam int FOLD_AT = start(j) > 0 ? start(j) - 1 : 0;

    // The beat that enters this level: its fold, its values, the count bits known (packed, PE of j bits).
    logic [FOLD_BITS-1:0] fold;
    logic [PE*X_BITS-1:0] x_d, x_q;
    logic [PE*(j+1)-1:0] known;  // count bits after this level
    assign fold = j == 0 ? fold_q : folds_q[FOLD_AT*FOLD_BITS+:FOLD_BITS];
    if (BLOCK) begin : g_wait
      logic [PE*X_BITS-1:0] x_fetched_q;
      always_ff @(posedge clk) begin
        if (enable) x_fetched_q <= x_d;
        if (enable) x_q <= x_fetched_q;
      end
    end else begin : g_no_wait
      always_ff @(posedge clk) if (enable) x_q <= x_d;
    end

    for (genvar p = 0; p < PE; p++) begin : g_pe
      logic [ADDRESS_BITS-1:0] address, write_address;
      logic [X_BITS:0] threshold_q;
      logic reached, write;
      assign write_address = DEPTH > 1 ? ADDRESS_BITS'(cfg_address >> LANE_BITS) : '0;
      assign write = WRITABLE != 0 && cfg_write && cfg_address >> (LANE_BITS + $clog2(DEPTH)) == 24'd1 &&
          (cfg_address & 24'((1 << LANE_BITS) - 1)) == 24'(p);
      if (BLOCK) begin : g_block
        (* no_rw_check, rom_style = "block" *) logic [PE*(X_BITS+1)-1:0] words[DEPTH];
        logic [X_BITS:0] fetched_q;
        initial $readmemh(FILE, words);
        always_ff @(posedge clk) begin
          if (write) words[write_address][p*(X_BITS+1)+:X_BITS+1] <= (X_BITS + 1)'(cfg_data);
          if (enable) fetched_q <= words[address][p*(X_BITS+1)+:X_BITS+1];
          if (enable) threshold_q <= fetched_q;
        end
      end else begin : g_logic
        (* no_rw_check, rom_style = "logic" *) logic [PE*(X_BITS+1)-1:0] words[DEPTH];
        initial $readmemh(FILE, words);
        always_ff @(posedge clk) begin
          if (write) words[write_address][p*(X_BITS+1)+:X_BITS+1] <= (X_BITS + 1)'(cfg_data);
          if (enable) threshold_q <= words[address][p*(X_BITS+1)+:X_BITS+1];
        end
      end
      assign reached = {1'b0, x_q[p*X_BITS+:X_BITS]} >= threshold_q;

      if (j == 0) begin : g_first
        assign address = ADDRESS_BITS'(fold);
        assign x_d[p*X_BITS+:X_BITS] =
            in_data[p*X_BITS+:X_BITS] ^ (X_SIGNED != 0 ? X_BITS'(1) << (X_BITS - 1) : '0);
        assign known[p] = reached;
      end else begin : g_next
        logic [j-1:0] before_d, before_q;
        assign before_d = g_level[j-1].known[p*j+:j];
        if (BLOCK) begin : g_wait
          logic [j-1:0] before_fetched_q;
          always_ff @(posedge clk) begin
            if (enable) before_fetched_q <= before_d;
            if (enable) before_q <= before_fetched_q;
          end
        end else begin : g_no_wait
          always_ff @(posedge clk) if (enable) before_q <= before_d;
        end
        assign address = ADDRESS_BITS'({fold, before_d});
        assign x_d[p*X_BITS+:X_BITS] = g_level[j-1].x_q[p*X_BITS+:X_BITS];
        assign known[p*(j+1)+:j+1] = {before_q, reached};
      end
    end
  end

  // STEP times the count by adding: no multiplier for the synthesizer to find.
  function automatic logic [Y_BITS-1:0] level(input logic [LEVELS-1:0] count);
    level = Y_BITS'(START);
    for (int b = 0; b < LEVELS; b++) if (count[b]) level = level + Y_BITS'(STEP << b);
  endfunction

  logic [PE*Y_BITS-1:0] out_q;
  assign out_data = out_q;
  for (genvar p = 0; p < PE; p++) begin : g_out
    always_ff @(posedge clk) begin
      if (enable) out_q[p*Y_BITS+:Y_BITS] <= level(g_level[LEVELS-1].known[p*LEVELS+:LEVELS]);
    end
  end
endmodule
