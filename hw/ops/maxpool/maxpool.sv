/// Maximum over windows of KH x KW pixels, SH rows and SW columns apart, per channel: first along each row, then down
/// the columns of what is left, one module each. They may overlap; rows and columns in no whole window are dropped.
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
    /// Rows and columns of a window, and from one window to the next.
    parameter int KH = 2,
    parameter int KW = 2,
    parameter int SH = 2,
    parameter int SW = 2
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
  localparam int COLUMNS = (WIDTH - KW) / SW + 1;

  logic [PARALLEL*ELEMENT_BITS-1:0] row_data;
  logic row_valid, row_ready;

  if (KW == 1 && SW == 1) begin : g_no_columns
    assign row_data  = in_data;
    assign row_valid = in_valid;
    assign in_ready  = row_ready;
  end else begin : g_columns
    maxpool_axis #(
        .ELEMENT_BITS(ELEMENT_BITS),
        .SIGNED(SIGNED),
        .PARALLEL(PARALLEL),
        .INNER(FOLD),
        .LENGTH(WIDTH),
        .KERNEL(KW),
        .STRIDE(SW)
    ) u_columns (
        .clk,
        .rst,
        .in_data,
        .in_valid,
        .in_ready,
        .out_data (row_data),
        .out_valid(row_valid),
        .out_ready(row_ready)
    );
  end

  if (KH == 1 && SH == 1) begin : g_no_rows
    assign out_data  = row_data;
    assign out_valid = row_valid;
    assign row_ready = out_ready;
  end else begin : g_rows
    maxpool_axis #(
        .ELEMENT_BITS(ELEMENT_BITS),
        .SIGNED(SIGNED),
        .PARALLEL(PARALLEL),
        .INNER(COLUMNS * FOLD),
        .LENGTH(HEIGHT),
        .KERNEL(KH),
        .STRIDE(SH)
    ) u_rows (
        .clk,
        .rst,
        .in_data (row_data),
        .in_valid(row_valid),
        .in_ready(row_ready),
        .out_data,
        .out_valid,
        .out_ready
    );
  end
endmodule
