/// Sliding windows of a row-major image stream, without padding.
///
/// Whole rows go into a ring of ROWS rows; as soon as the rows that a window spans are there, the windows of one output
/// row are read from it in the order (window column, kernel row, kernel column, beat of a pixel), or, if DEPTHWISE,
/// (window column, beat of a pixel, kernel row, kernel column). Rows of the next windows and of the next frame are
/// taken in meanwhile, so a frame takes max(H*W, OH*OW*KH*KW) * FOLDS cycles. No division, no modulo.
module window #(
    /// Bits of one beat.
    parameter int WIDTH = 8,
    /// Rows and columns of the image.
    parameter int H = 3,
    parameter int W = 3,
    /// Beats per pixel.
    parameter int FOLDS = 1,
    /// Kernel and stride, rows and columns.
    parameter int KH = 3,
    parameter int KW = 3,
    parameter int SH = 1,
    parameter int SW = 1,
    /// Distance of neighbouring taps.
    parameter int DH = 1,
    parameter int DW = 1,
    /// 1: each beat of a pixel keeps its taps together.
    parameter int DEPTHWISE = 0
) (
    input  logic             clk,
    /// Synchronous, active high; forgets the rows held and starts with the first beat of a frame.
    input  logic             rst,

    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,

    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
  localparam int SPAN_H = (KH - 1) * DH + 1;
  localparam int SPAN_W = (KW - 1) * DW + 1;
  if (WIDTH < 1 || FOLDS < 1) $fatal(1, "window: WIDTH and FOLDS must be at least 1");
  if (KH < 1 || SPAN_H > H || KW < 1 || SPAN_W > W) $fatal(1, "window: the kernel must lie within the image");
  if (SH < 1 || SW < 1 || DH < 1 || DW < 1) $fatal(1, "window: strides and dilations must be at least 1");
  if (DEPTHWISE != 0 && DEPTHWISE != 1) $fatal(1, "window: DEPTHWISE must be 0 or 1");

  localparam int OH = (H - SPAN_H) / SH + 1;
  localparam int OW = (W - SPAN_W) / SW + 1;
  localparam int USED = (OH - 1) * SH + SPAN_H;  // rows below are in no window
  localparam int ADVANCE = SH < SPAN_H ? SH : SPAN_H;  // rows held that the next window row no longer needs
  localparam int ROW = W * FOLDS;
  localparam int ROWS = 2 * SPAN_H + (USED < H ? 1 : 0);
  localparam int DEPTH = ROWS * ROW;

  // Loops over a window, inside out: steps of INNER_STEP, jumps of JUMP, kernel rows, groups of channels.
  localparam int TAP_STEP = DW * FOLDS;
  localparam bit WHOLE_RUN = DEPTHWISE != 0 || DW == 1 || KW == 1;
  localparam int INNER = DEPTHWISE != 0 ? KW : WHOLE_RUN ? KW * FOLDS : FOLDS;
  localparam int INNER_STEP = DEPTHWISE != 0 && KW > 1 ? TAP_STEP : 1;
  localparam int RUNS = WHOLE_RUN ? 1 : KW;
  localparam int JUMP = WHOLE_RUN ? 1 : TAP_STEP - (FOLDS - 1);
  localparam int GROUPS = DEPTHWISE != 0 ? FOLDS : 1;
  localparam int COLUMN_STEP = SW * FOLDS - (GROUPS - 1);
  localparam int KERNEL_ROW_STEP = KH > 1 ? DH * ROW : 0;

  function automatic int bits(input int count);
    bits = count > 1 ? $clog2(count) : 1;
  endfunction
  localparam int ADDRESS_BITS = bits(DEPTH);
  localparam int FILLED_BITS = bits(ROWS + 1);

  typedef logic [ADDRESS_BITS-1:0] address_t;
  typedef logic [FILLED_BITS-1:0] rows_t;

  // A row is written and read at different times, never at one address at once.
  (* no_rw_check *) logic [WIDTH-1:0] ring[DEPTH];

  // Rows wholly written and not yet released.
  rows_t filled_q, added, released;
  always_ff @(posedge clk) begin
    if (rst) filled_q <= '0;
    else filled_q <= filled_q + added - released;
  end

  // Write side.
  logic [bits(ROW)-1:0] in_col_q;
  logic [bits(H)-1:0] in_row_q;
  logic [bits(SH)-1:0] in_phase_q;  // in_row_q modulo SH
  address_t write_q;
  logic needed, take, in_row_end;

  assign needed = int'(in_row_q) < USED && (SH <= SPAN_H || int'(in_phase_q) < SPAN_H);
  assign in_ready = !needed || filled_q != rows_t'(ROWS);
  assign take = in_valid && in_ready;
  assign in_row_end = in_col_q == (bits(ROW))'(ROW - 1);
  assign added = rows_t'(take && needed && in_row_end);

  always_ff @(posedge clk) begin
    if (rst) begin
      in_col_q   <= '0;
      in_row_q   <= '0;
      in_phase_q <= '0;
      write_q    <= '0;
    end else if (take) begin
      if (needed) write_q <= write_q == address_t'(DEPTH - 1) ? '0 : write_q + address_t'(1);
      in_col_q <= in_row_end ? '0 : in_col_q + (bits(ROW))'(1);
      if (in_row_end) begin
        if (in_row_q == (bits(H))'(H - 1)) begin
          in_row_q   <= '0;
          in_phase_q <= '0;
        end else begin
          in_row_q   <= in_row_q + (bits(H))'(1);
          in_phase_q <= in_phase_q == (bits(SH))'(SH - 1) ? '0 : in_phase_q + (bits(SH))'(1);
        end
      end
    end
  end

  always_ff @(posedge clk) if (take && needed) ring[write_q] <= in_data;

  // Read side: bases are addresses of the first beat of a row of the ring, offsets are within a row.
  logic [bits(INNER)-1:0] inner_q;
  logic [bits(RUNS)-1:0] run_q;
  logic [bits(KH)-1:0] kernel_row_q;
  logic [bits(GROUPS)-1:0] group_q;
  logic [bits(OW)-1:0] out_col_q;
  logic [bits(OH)-1:0] out_row_q;
  address_t read_q, row_q, window_q, offset_q;
  address_t row_next, window_next, offset_next;
  logic enable, emit, inner_end, kernel_row_end, patch_end, group_last, column_end, row_end, row_last, frame_end;

  assign emit = enable && filled_q >= rows_t'(SPAN_H);
  assign inner_end = inner_q == (bits(INNER))'(INNER - 1);
  assign kernel_row_end = inner_end && run_q == (bits(RUNS))'(RUNS - 1);
  assign patch_end = kernel_row_end && kernel_row_q == (bits(KH))'(KH - 1);
  assign group_last = group_q == (bits(GROUPS))'(GROUPS - 1);
  assign column_end = patch_end && group_last;
  assign row_end = column_end && out_col_q == (bits(OW))'(OW - 1);
  assign row_last = out_row_q == (bits(OH))'(OH - 1);
  assign frame_end = row_end && row_last;
  assign released = !(emit && row_end) ? '0 : frame_end ? rows_t'(SPAN_H) : rows_t'(ADVANCE);

  // `base` some whole rows further round the ring.
  function automatic address_t ahead(input address_t base, input int step);
    ahead = int'(base) >= DEPTH - step ? base - address_t'(DEPTH - step) : base + address_t'(step);
  endfunction
  // What comes next stands in a register where what it follows from stands for two beats at least.
  address_t row_ahead, window_ahead, offset_ahead;
  assign row_ahead = ahead(row_q, KERNEL_ROW_STEP);
  assign window_ahead = row_last ? ahead(window_q, SPAN_H * ROW) : ahead(window_q, ADVANCE * ROW);
  assign offset_ahead = offset_q + (group_last ? address_t'(COLUMN_STEP) : address_t'(1));
  if (INNER * RUNS > 1) begin : g_row_register
    always_ff @(posedge clk) row_next <= row_ahead;
  end else begin : g_row
    assign row_next = row_ahead;
  end
  if (INNER * RUNS * KH > 1) begin : g_offset_register
    always_ff @(posedge clk) offset_next <= offset_ahead;
  end else begin : g_offset
    assign offset_next = offset_ahead;
  end
  if (INNER * RUNS * KH * GROUPS * OW > 1) begin : g_window_register
    always_ff @(posedge clk) window_next <= window_ahead;
  end else begin : g_window
    assign window_next = window_ahead;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      inner_q      <= '0;
      run_q        <= '0;
      kernel_row_q <= '0;
      group_q      <= '0;
      out_col_q    <= '0;
      out_row_q    <= '0;
      read_q       <= '0;
      row_q        <= '0;
      window_q     <= '0;
      offset_q     <= '0;
    end else if (emit) begin
      inner_q <= inner_end ? '0 : inner_q + (bits(INNER))'(1);
      read_q  <= read_q + (inner_end ? address_t'(JUMP) : address_t'(INNER_STEP));
      if (inner_end) run_q <= kernel_row_end ? '0 : run_q + (bits(RUNS))'(1);
      if (kernel_row_end) begin
        kernel_row_q <= patch_end ? '0 : kernel_row_q + (bits(KH))'(1);
        row_q <= row_next;
        read_q <= row_next + offset_q;
      end
      if (patch_end) begin
        group_q <= group_last ? '0 : group_q + (bits(GROUPS))'(1);
        row_q <= window_q;
        offset_q <= offset_next;
        read_q <= window_q + offset_next;
      end
      if (column_end) out_col_q <= out_col_q + (bits(OW))'(1);
      if (row_end) begin
        window_q  <= window_next;
        row_q     <= window_next;
        read_q    <= window_next;
        offset_q  <= '0;
        out_col_q <= '0;
        out_row_q <= frame_end ? '0 : out_row_q + (bits(OH))'(1);
      end
    end
  end

  // Two registers behind the address: the memory's own and the output's.
  logic [WIDTH-1:0] word_q, out_q;
  logic word_valid_q, out_valid_q;
  assign enable    = !out_valid_q || out_ready;
  assign out_data  = out_q;
  assign out_valid = out_valid_q;

  always_ff @(posedge clk) if (enable) word_q <= ring[read_q];

  always_ff @(posedge clk) begin
    if (enable) out_q <= word_q;
    if (rst) begin
      word_valid_q <= 1'b0;
      out_valid_q  <= 1'b0;
    end else if (enable) begin
      word_valid_q <= emit;
      out_valid_q  <= word_valid_q;
    end
  end
endmodule
