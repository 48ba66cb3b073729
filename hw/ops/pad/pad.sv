/// Puts a border of constant elements around every frame.
///
/// A frame's leading border waits until the frame itself shows up, so that nothing leaves without an input frame.
/// The output is registered.
module pad #(
    /// Bits of one element.
    parameter int ELEMENT_BITS = 8,
    /// Elements per beat.
    parameter int PARALLEL = 1,
    /// Beats per pixel.
    parameter int FOLD = 1,
    /// Rows and columns of an input frame.
    parameter int HEIGHT = 1,
    parameter int WIDTH = 1,
    /// Border in rows and columns; each may be 0.
    parameter int TOP = 0,
    parameter int LEFT = 0,
    parameter int BOTTOM = 0,
    parameter int RIGHT = 0,
    /// Code of a border element, below 2**ELEMENT_BITS.
    parameter longint VALUE = 0
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
  if (ELEMENT_BITS < 1 || ELEMENT_BITS > 48) $fatal(1, "pad: ELEMENT_BITS must be 1 to 48");
  if (PARALLEL < 1 || FOLD < 1) $fatal(1, "pad: PARALLEL and FOLD must be at least 1");
  if (HEIGHT < 1 || WIDTH < 1) $fatal(1, "pad: HEIGHT and WIDTH must be at least 1");
  if (TOP < 0 || LEFT < 0 || BOTTOM < 0 || RIGHT < 0) $fatal(1, "pad: borders must not be negative");
  if (VALUE < 0 || (VALUE >> ELEMENT_BITS) != 0) $fatal(1, "pad: VALUE must be a code of ELEMENT_BITS bits");

  localparam int ROWS = TOP + HEIGHT + BOTTOM;
  localparam int COLUMNS = LEFT + WIDTH + RIGHT;
  localparam int ROW_BITS = $clog2(ROWS + 1);
  localparam int COLUMN_BITS = $clog2(COLUMNS + 1);
  localparam int FOLD_BITS = $clog2(FOLD + 1);

  // Position of the beat that goes into the output register next.
  logic [ROW_BITS-1:0] row_q;
  logic [COLUMN_BITS-1:0] column_q;
  logic [FOLD_BITS-1:0] fold_q;
  logic [PARALLEL*ELEMENT_BITS-1:0] out_q;
  logic valid_q;

  // Whether that beat is one of the frame's own, and whether it is the first of all: registers, as much hangs on them.
  logic row_in_q, column_in_q, start_q;

  logic interior, free, available, step;
  assign interior = row_in_q && column_in_q;
  assign free = !valid_q || out_ready;
  assign available = in_valid || !(interior || start_q);
  assign step = free && available;

  assign in_ready = free && interior;
  assign out_valid = valid_q;
  assign out_data = out_q;

  logic last_fold, last_column, last_row;
  assign last_fold = fold_q == FOLD_BITS'(FOLD - 1);
  assign last_column = column_q == COLUMN_BITS'(COLUMNS - 1);
  assign last_row = row_q == ROW_BITS'(ROWS - 1);

  // One bit wider than the counters, so that a border of 0 compares without a constant result.
  logic row_in_next, column_in_next;
  assign row_in_next = {1'b0, row_q} + (ROW_BITS + 1)'(2) > (ROW_BITS + 1)'(TOP)
      && {1'b0, row_q} + (ROW_BITS + 1)'(1) < (ROW_BITS + 1)'(TOP + HEIGHT);
  assign column_in_next = {1'b0, column_q} + (COLUMN_BITS + 1)'(2) > (COLUMN_BITS + 1)'(LEFT)
      && {1'b0, column_q} + (COLUMN_BITS + 1)'(1) < (COLUMN_BITS + 1)'(LEFT + WIDTH);

  always_ff @(posedge clk) begin
    if (rst) begin
      row_q <= '0;
      column_q <= '0;
      fold_q <= '0;
      row_in_q <= TOP == 0;
      column_in_q <= LEFT == 0;
      start_q <= 1'b1;
      valid_q <= 1'b0;
    end else begin
      if (free) valid_q <= available;
      if (step) begin
        start_q <= last_fold && last_column && last_row;
        fold_q <= last_fold ? '0 : fold_q + FOLD_BITS'(1);
        if (last_fold) begin
          column_q <= last_column ? '0 : column_q + COLUMN_BITS'(1);
          column_in_q <= last_column ? LEFT == 0 : column_in_next;
        end
        if (last_fold && last_column) begin
          row_q <= last_row ? '0 : row_q + ROW_BITS'(1);
          row_in_q <= last_row ? TOP == 0 : row_in_next;
        end
      end
    end
    if (step) out_q <= interior ? in_data : {PARALLEL{ELEMENT_BITS'(VALUE)}};
  end
endmodule
