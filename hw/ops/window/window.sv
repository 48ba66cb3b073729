/// Sliding windows of a row-major image stream, without padding.
///
/// Whole rows go into a ring of ROWS rows; as soon as KH rows are there, the windows of one output row are read from
/// it in the order (window column, kernel row, kernel column, beat of a pixel). Rows of the next windows and of the
/// next frame are taken in meanwhile, so a frame takes max(H*W, OH*OW*KH*KW) * FOLDS cycles. No division, no modulo.
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
    parameter int SW = 1
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
  if (WIDTH < 1 || FOLDS < 1) $fatal(1, "window: WIDTH and FOLDS must be at least 1");
  if (KH < 1 || KH > H || KW < 1 || KW > W) $fatal(1, "window: the kernel must lie within the image");
  if (SH < 1 || SW < 1) $fatal(1, "window: strides must be at least 1");

  localparam int OH = (H - KH) / SH + 1;
  localparam int OW = (W - KW) / SW + 1;
  localparam int USED = (OH - 1) * SH + KH;  // rows below are in no window
  localparam int ADVANCE = SH < KH ? SH : KH;  // rows held that the next window row no longer needs
  localparam int ROW = W * FOLDS;
  localparam int RUN = KW * FOLDS;  // contiguous beats of one kernel row
  localparam int STRIDE = SW * FOLDS;
  localparam int ROWS = 2 * KH + (USED < H ? 1 : 0);
  localparam int DEPTH = ROWS * ROW;

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

  assign needed = int'(in_row_q) < USED && (SH <= KH || int'(in_phase_q) < KH);
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

  // Read side: bases are addresses of the first beat of a row of the ring.
  logic [bits(RUN)-1:0] run_q;
  logic [bits(KH)-1:0] kernel_row_q;
  logic [bits(OW)-1:0] out_col_q;
  logic [bits(OH)-1:0] out_row_q;
  address_t read_q, row_q, window_q, ahead_q, offset_q;
  address_t row_next, window_next, offset_next;
  logic enable, emit, run_end, column_end, row_end, frame_end;

  assign emit = enable && filled_q >= rows_t'(KH);
  assign run_end = run_q == (bits(RUN))'(RUN - 1);
  assign column_end = run_end && kernel_row_q == (bits(KH))'(KH - 1);
  assign row_end = column_end && out_col_q == (bits(OW))'(OW - 1);
  assign frame_end = row_end && out_row_q == (bits(OH))'(OH - 1);
  assign released = !(emit && row_end) ? '0 : frame_end ? rows_t'(KH) : rows_t'(ADVANCE);

  assign row_next = row_q == address_t'(DEPTH - ROW) ? '0 : row_q + address_t'(ROW);
  assign offset_next = offset_q + address_t'(STRIDE);
  // `ahead_q` was noted when the kernel passed the row that the next window row starts with.
  assign window_next = frame_end || ADVANCE == KH ? row_next : ahead_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      run_q        <= '0;
      kernel_row_q <= '0;
      out_col_q    <= '0;
      out_row_q    <= '0;
      read_q       <= '0;
      row_q        <= '0;
      window_q     <= '0;
      ahead_q      <= '0;
      offset_q     <= '0;
    end else if (emit) begin
      run_q  <= run_end ? '0 : run_q + (bits(RUN))'(1);
      read_q <= read_q + address_t'(1);
      if (run_end) begin
        kernel_row_q <= column_end ? '0 : kernel_row_q + (bits(KH))'(1);
        if (int'(kernel_row_q) == ADVANCE - 1) ahead_q <= row_next;
        if (row_end) begin
          window_q  <= window_next;
          row_q     <= window_next;
          read_q    <= window_next;
          offset_q  <= '0;
          out_col_q <= '0;
          out_row_q <= frame_end ? '0 : out_row_q + (bits(OH))'(1);
        end else if (column_end) begin
          row_q     <= window_q;
          read_q    <= window_q + offset_next;
          offset_q  <= offset_next;
          out_col_q <= out_col_q + (bits(OW))'(1);
        end else begin
          row_q  <= row_next;
          read_q <= row_next + offset_q;
        end
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
