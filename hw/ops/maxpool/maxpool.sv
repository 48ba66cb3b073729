/// Maximum over windows of KERNEL x KERNEL pixels that do not overlap, per channel.
///
/// Rows and columns that do not fill a window are read and dropped. The running maxima of one row of windows lie in
/// a memory that is read without delay and written at the clock edge. The output is registered.
module maxpool #(
    /// Bits of one element.
    parameter int ELEMENT_BITS = 8,
    /// 1: two's complement, 0: unsigned or bipolar codes.
    parameter int SIGNED = 0,
    /// Elements per beat.
    parameter int PARALLEL = 1,
    /// Beats per pixel.
    parameter int FOLD = 1,
    /// Rows and columns of an input frame.
    parameter int HEIGHT = 2,
    parameter int WIDTH = 2,
    /// Side of a window and distance between windows.
    parameter int KERNEL = 2
) (
    input  logic                             clk,
    /// Synchronous, active high; the next beat is the first one of a frame.
    input  logic                             rst,

    input  logic [PARALLEL*ELEMENT_BITS-1:0] in_data,
    input  logic                             in_valid,
    output logic                             in_ready,

    output logic [PARALLEL*ELEMENT_BITS-1:0] out_data,
    output logic                             out_valid,
    input  logic                             out_ready
);
  if (ELEMENT_BITS < 1 || ELEMENT_BITS > 48) $fatal(1, "maxpool: ELEMENT_BITS must be 1 to 48");
  if (SIGNED != 0 && SIGNED != 1) $fatal(1, "maxpool: SIGNED must be 0 or 1");
  if (PARALLEL < 1 || FOLD < 1) $fatal(1, "maxpool: PARALLEL and FOLD must be at least 1");
  if (KERNEL < 2) $fatal(1, "maxpool: KERNEL must be at least 2");
  if (HEIGHT < KERNEL || WIDTH < KERNEL) $fatal(1, "maxpool: the frame must hold a window");

  localparam int BITS = PARALLEL * ELEMENT_BITS;
  localparam int USED_ROWS = HEIGHT / KERNEL * KERNEL;
  localparam int USED_COLUMNS = WIDTH / KERNEL * KERNEL;
  localparam int WORDS = WIDTH / KERNEL * FOLD;
  localparam int ROW_BITS = $clog2(HEIGHT + 1);
  localparam int COLUMN_BITS = $clog2(WIDTH + 1);
  localparam int FOLD_BITS = $clog2(FOLD + 1);
  localparam int KERNEL_BITS = $clog2(KERNEL);
  localparam int WORD_BITS = WORDS > 1 ? $clog2(WORDS) : 1;

  logic [BITS-1:0] maxima_q[WORDS];

  // Position of the input beat: in the frame, within its window, and of its maximum in the memory.
  logic [ROW_BITS-1:0] row_q;
  logic [COLUMN_BITS-1:0] column_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic [KERNEL_BITS-1:0] window_row_q, window_column_q;
  logic [WORD_BITS-1:0] word_q;
  logic [BITS-1:0] out_q;
  logic valid_q;

  logic last_fold, last_column, last_row, last_window_column, last_window_row;
  assign last_fold = fold_q == FOLD_BITS'(FOLD - 1);
  assign last_column = column_q == COLUMN_BITS'(WIDTH - 1);
  assign last_row = row_q == ROW_BITS'(HEIGHT - 1);
  assign last_window_column = window_column_q == KERNEL_BITS'(KERNEL - 1);
  assign last_window_row = window_row_q == KERNEL_BITS'(KERNEL - 1);

  logic used, opens, closes, free, step;
  assign used = row_q < ROW_BITS'(USED_ROWS) && column_q < COLUMN_BITS'(USED_COLUMNS);
  assign opens = window_row_q == '0 && window_column_q == '0;
  assign closes = used && last_window_row && last_window_column;
  assign free = !valid_q || out_ready;
  assign in_ready = free || !closes;
  assign step = in_valid && in_ready;
  assign out_valid = valid_q;
  assign out_data = out_q;

  logic [BITS-1:0] held, maximum;
  assign held = maxima_q[word_q];
  for (genvar i = 0; i < PARALLEL; i++) begin : gen_element
    localparam int LOW = i * ELEMENT_BITS;
    logic [ELEMENT_BITS-1:0] old, now;
    logic greater;
    assign old = held[LOW+:ELEMENT_BITS];
    assign now = in_data[LOW+:ELEMENT_BITS];
    if (SIGNED != 0) begin : gen_signed
      assign greater = $signed(now) > $signed(old);
    end else begin : gen_unsigned
      assign greater = now > old;
    end
    assign maximum[LOW+:ELEMENT_BITS] = opens || greater ? now : old;
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
          window_column_q <= last_window_column ? '0 : window_column_q + KERNEL_BITS'(1);
          if (last_column) begin
            column_q <= '0;
            window_column_q <= '0;
            word_q <= '0;
            row_q <= last_row ? '0 : row_q + ROW_BITS'(1);
            window_row_q <= last_row || last_window_row ? '0 : window_row_q + KERNEL_BITS'(1);
          end
        end
      end
    end
    if (step && closes) out_q <= maximum;
  end

  always_ff @(posedge clk) if (step && used) maxima_q[word_q] <= maximum;
endmodule
