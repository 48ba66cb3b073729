/// Sum over windows of KH x KW pixels that do not overlap, per channel.
///
/// Rows and columns that do not fill a window are read and dropped. The running sums of one row of windows lie in a
/// memory that is read without delay and written at the clock edge. The output is registered.
module accpool #(
    /// Bits of an element; 1 if it is two's complement; 1 if its one bit means -1 and +1.
    parameter int X_BITS = 8,
    parameter int X_SIGNED = 0,
    parameter int X_BIPOLAR = 0,
    /// Bits of a sum: must hold it.
    parameter int Y_BITS = 10,
    /// Elements per beat.
    parameter int PARALLEL = 1,
    /// Beats per pixel.
    parameter int FOLD = 1,
    /// Rows and columns of an input frame.
    parameter int HEIGHT = 2,
    parameter int WIDTH = 2,
    /// Rows and columns of a window.
    parameter int KH = 2,
    parameter int KW = 2
) (
    input  logic                       clk,
    /// Synchronous, active high; the next beat is the first one of a frame.
    input  logic                       rst,

    input  logic [PARALLEL*X_BITS-1:0] in_data,
    input  logic                       in_valid,
    output logic                       in_ready,

    output logic [PARALLEL*Y_BITS-1:0] out_data,
    output logic                       out_valid,
    input  logic                       out_ready
);
  if (X_BITS < 1 || X_BITS > 48 || Y_BITS < X_BITS || Y_BITS > 48)
    $fatal(1, "accpool: X_BITS must be 1 to 48, Y_BITS X_BITS to 48");
  if (X_BIPOLAR != 0 && (X_BITS != 1 || X_SIGNED != 0 || Y_BITS < 2))
    $fatal(1, "accpool: a bipolar element has one bit, its sums at least two");
  if (PARALLEL < 1 || FOLD < 1) $fatal(1, "accpool: PARALLEL and FOLD must be at least 1");
  if (KH < 1 || KW < 1 || HEIGHT < KH || WIDTH < KW) $fatal(1, "accpool: the frame must hold a window");

  localparam int BITS = PARALLEL * Y_BITS;
  localparam int USED_ROWS = HEIGHT / KH * KH;
  localparam int USED_COLUMNS = WIDTH / KW * KW;
  localparam int WORDS = WIDTH / KW * FOLD;
  localparam int ROW_BITS = $clog2(HEIGHT + 1);
  localparam int COLUMN_BITS = $clog2(WIDTH + 1);
  localparam int FOLD_BITS = $clog2(FOLD + 1);
  localparam int KH_BITS = $clog2(KH + 1);
  localparam int KW_BITS = $clog2(KW + 1);
  localparam int WORD_BITS = WORDS > 1 ? $clog2(WORDS) : 1;

  logic [BITS-1:0] sums_q[WORDS];

  // Position of the input beat: in the frame, within its window, and of its sum in the memory.
  logic [ROW_BITS-1:0] row_q;
  logic [COLUMN_BITS-1:0] column_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic [KH_BITS-1:0] window_row_q;
  logic [KW_BITS-1:0] window_column_q;
  logic [WORD_BITS-1:0] word_q;
  logic [BITS-1:0] out_q;
  logic valid_q;

  logic last_fold, last_column, last_row, last_window_column, last_window_row;
  assign last_fold = fold_q == FOLD_BITS'(FOLD - 1);
  assign last_column = column_q == COLUMN_BITS'(WIDTH - 1);
  assign last_row = row_q == ROW_BITS'(HEIGHT - 1);
  assign last_window_column = window_column_q == KW_BITS'(KW - 1);
  assign last_window_row = window_row_q == KH_BITS'(KH - 1);

  logic used, opens, closes, free, step;
  assign used = row_q < ROW_BITS'(USED_ROWS) && column_q < COLUMN_BITS'(USED_COLUMNS);
  assign opens = window_row_q == '0 && window_column_q == '0;
  assign closes = used && last_window_row && last_window_column;
  assign free = !valid_q || out_ready;
  assign in_ready = free || !closes;
  assign step = in_valid && in_ready;
  assign out_valid = valid_q;
  assign out_data = out_q;

  logic [BITS-1:0] held, sum;
  assign held = opens ? '0 : sums_q[word_q];
  for (genvar i = 0; i < PARALLEL; i++) begin : gen_element
    logic [X_BITS-1:0] code;
    logic [Y_BITS-1:0] value;
    assign code = in_data[i*X_BITS+:X_BITS];
    if (X_BIPOLAR != 0) begin : gen_bipolar
      assign value = {{(Y_BITS - 1) {!code[0]}}, 1'b1};
    end else if (X_SIGNED != 0) begin : gen_signed
      assign value = Y_BITS'($signed(code));
    end else begin : gen_unsigned
      assign value = Y_BITS'(code);
    end
    assign sum[i*Y_BITS+:Y_BITS] = held[i*Y_BITS+:Y_BITS] + value;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      row_q <= '0;
      column_q <= '0;
      fold_q <= '0;
      window_row_q <= '0;
      window_column_q <= '0;
      word_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (free) valid_q <= step && closes;
      if (step) begin
        fold_q <= last_fold ? '0 : fold_q + FOLD_BITS'(1);
        if (!last_fold || last_window_column) word_q <= word_q + WORD_BITS'(1);
        else word_q <= word_q - WORD_BITS'(FOLD - 1);
        if (last_fold) begin
          column_q <= column_q + COLUMN_BITS'(1);
          window_column_q <= last_window_column ? '0 : window_column_q + KW_BITS'(1);
          if (last_column) begin
            column_q <= '0;
            window_column_q <= '0;
            word_q <= '0;
            row_q <= last_row ? '0 : row_q + ROW_BITS'(1);
            window_row_q <= last_row || last_window_row ? '0 : window_row_q + KH_BITS'(1);
          end
        end
      end
    end
    if (step && closes) out_q <= sum;
  end

  always_ff @(posedge clk) if (step && used) sums_q[word_q] <= sum;
endmodule
