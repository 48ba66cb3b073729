/// Finds request frames in the bytes from the host and judges them; the payload goes to a buffer on the way.
///
/// After the last byte of a frame, when its length cannot be right, or when the line fell silent inside one,
/// `judged` rises for one cycle with the verdict, and the search for the next frame has begun. Judged in this order:
/// cut short, too long, checksum, version, type, length; so every verdict but the first three is about a frame that
/// arrived as it was sent.
module link_frame_rx #(
    /// Payload of INFER, 1 to 65535 bytes.
    parameter int INPUT_BYTES = 64,
    /// 1: THRESHOLDS is supported.
    parameter int WRITABLE = 0,
    /// 1: PIECE and RUN are supported.
    parameter int PIECES = 0,
    /// Silence inside a frame, in clock cycles, after which it counts as cut short.
    parameter int TIMEOUT_CLOCKS = 512000
) (
    input  logic        clk,
    /// Synchronous, active high; forgets the frame in progress.
    input  logic        rst,

    input  logic [ 7:0] in_data,
    input  logic        in_valid,
    input  logic        in_error,

    /// Payload bytes in order; only worth reading after an OK verdict.
    output logic [ 7:0] write_data,
    output logic [15:0] write_address,
    output logic        write_valid,

    output logic        judged,
    output logic [ 7:0] kind,
    /// As it arrived: not to be trusted after BAD_CRC, TRUNCATED and a length that is too long.
    output logic [15:0] sequence_number,
    /// OK or the reason of refusal, as in `link_pkg`.
    output logic [ 7:0] code
);
  if (INPUT_BYTES < 1 || INPUT_BYTES > 65535) $fatal(1, "link_frame_rx: INPUT_BYTES must be 1 to 65535");
  if (TIMEOUT_CLOCKS < 40) $fatal(1, "link_frame_rx: TIMEOUT_CLOCKS must be at least one byte");

  typedef enum logic [3:0] {
    S_SYNC0,
    S_SYNC1,
    S_VERSION,
    S_KIND,
    S_SEQUENCE_LOW,
    S_SEQUENCE_HIGH,
    S_LENGTH_LOW,
    S_LENGTH_HIGH,
    S_PAYLOAD,
    S_CRC0,
    S_CRC1,
    S_CRC2,
    S_CRC3
  } state_e;

  localparam int PIECE_PAYLOAD = link_pkg::NUMBER_BYTES + link_pkg::PIECE_BYTES;
  localparam int SHORT = PIECES != 0 ? PIECE_PAYLOAD : WRITABLE != 0 ? link_pkg::WORD_BYTES : 1;
  localparam int LONGEST = INPUT_BYTES < SHORT ? SHORT : INPUT_BYTES;
  localparam int TIMER_BITS = $clog2(TIMEOUT_CLOCKS);

  state_e state_q;
  logic [TIMER_BITS-1:0] timer_q;
  logic [31:0] crc_q;
  logic [15:0] length_q, index_q, sequence_q;
  logic [7:0] version_q, kind_q;
  logic broken_q, cut_q, long_q, ended_q;
  // The verdict looks at everything, and much hangs on it: a register, one cycle after the frame's end.
  logic [7:0] code_q, verdict;
  logic judged_q;

  logic silent, known, supported, right_length, too_long;
  logic [15:0] length, expected;
  assign silent          = timer_q == TIMER_BITS'(TIMEOUT_CLOCKS - 1);
  assign known           = kind_q >= link_pkg::PING && kind_q <= link_pkg::RUN;
  assign supported       = kind_q == link_pkg::THRESHOLDS ? WRITABLE != 0 :
                           kind_q == link_pkg::PIECE || kind_q == link_pkg::RUN ? PIECES != 0 : 1'b1;
  assign expected        = kind_q == link_pkg::INFER ? 16'(INPUT_BYTES) :
                           kind_q == link_pkg::THRESHOLDS ? 16'(link_pkg::WORD_BYTES) :
                           kind_q == link_pkg::RUN ? 16'(link_pkg::RUN_BYTES) : 16'd0;
  assign right_length    = kind_q == link_pkg::PIECE ?
                           length_q > 16'(link_pkg::NUMBER_BYTES) && length_q <= 16'(PIECE_PAYLOAD) :
                           length_q == expected;
  assign length          = {in_data, length_q[7:0]};
  // At once, not after its last byte: a length broken on the way would swallow thousands of bytes.
  assign too_long        = {1'b0, length} > 17'(LONGEST);

  assign write_data      = in_data;
  assign write_address   = index_q;
  assign write_valid     = state_q == S_PAYLOAD && in_valid;
  assign judged          = judged_q;
  assign kind            = kind_q;
  assign sequence_number = sequence_q;
  assign code            = code_q;

  always_comb begin
    if (cut_q) verdict = link_pkg::TRUNCATED;
    else if (long_q) verdict = link_pkg::BAD_LENGTH;
    // Checksum bytes run through the checksum too.
    else if (broken_q || crc_q != link_pkg::CRC_RESIDUE) verdict = link_pkg::BAD_CRC;
    else if (version_q != link_pkg::VERSION) verdict = link_pkg::BAD_VERSION;
    else if (!known) verdict = link_pkg::BAD_TYPE;
    else if (!supported) verdict = link_pkg::NOT_SUPPORTED;
    else if (!right_length) verdict = link_pkg::BAD_LENGTH;
    else verdict = link_pkg::OK;
  end

  // The next byte of the line is many cycles away: what is judged holds still till then.
  always_ff @(posedge clk) begin
    code_q   <= verdict;
    judged_q <= ended_q && !rst;
  end

  always_ff @(posedge clk) begin
    ended_q <= 1'b0;
    if (rst) begin
      state_q <= S_SYNC0;
    end else if (in_valid) begin
      case (state_q)
        S_SYNC0: if (in_data == link_pkg::SYNC0 && !in_error) state_q <= S_SYNC1;
        S_SYNC1:
        if (in_error) state_q <= S_SYNC0;
        else if (in_data == link_pkg::SYNC1) state_q <= S_VERSION;
        else if (in_data != link_pkg::SYNC0) state_q <= S_SYNC0;
        S_VERSION: state_q <= S_KIND;
        S_KIND: state_q <= S_SEQUENCE_LOW;
        S_SEQUENCE_LOW: state_q <= S_SEQUENCE_HIGH;
        S_SEQUENCE_HIGH: state_q <= S_LENGTH_LOW;
        S_LENGTH_LOW: state_q <= S_LENGTH_HIGH;
        S_LENGTH_HIGH: begin
          state_q  <= too_long ? S_SYNC0 : length == '0 ? S_CRC0 : S_PAYLOAD;
          ended_q  <= too_long;
        end
        S_PAYLOAD: if (index_q + 16'd1 == length_q) state_q <= S_CRC0;
        S_CRC0: state_q <= S_CRC1;
        S_CRC1: state_q <= S_CRC2;
        S_CRC2: state_q <= S_CRC3;
        default: begin
          state_q  <= S_SYNC0;
          ended_q  <= 1'b1;
        end
      endcase
    end else if (silent) begin
      // Two sync bytes and then nothing is a frame cut short; less is noise, and noise gets no answer.
      state_q  <= S_SYNC0;
      ended_q  <= state_q != S_SYNC0 && state_q != S_SYNC1;
    end
  end

  // `ended_q` guards these.
  always_ff @(posedge clk) begin
    timer_q <= rst || in_valid || silent || state_q == S_SYNC0 ? '0 : timer_q + TIMER_BITS'(1);
    cut_q   <= silent && !in_valid;
    long_q  <= in_valid && state_q == S_LENGTH_HIGH && too_long;
    if (in_valid) begin
      case (state_q)
        S_SYNC0, S_SYNC1: begin
          crc_q    <= link_pkg::CRC_START;
          index_q  <= '0;
          broken_q <= 1'b0;
        end
        default: begin
          crc_q <= link_pkg::crc32(crc_q, in_data);
          if (in_error) broken_q <= 1'b1;
        end
      endcase
      case (state_q)
        S_VERSION: version_q <= in_data;
        S_KIND: kind_q <= in_data;
        S_SEQUENCE_LOW: sequence_q[7:0] <= in_data;
        S_SEQUENCE_HIGH: sequence_q[15:8] <= in_data;
        S_LENGTH_LOW: length_q[7:0] <= in_data;
        S_LENGTH_HIGH: length_q[15:8] <= in_data;
        S_PAYLOAD: index_q <= index_q + 16'd1;
        default: ;
      endcase
    end
  end
endmodule
