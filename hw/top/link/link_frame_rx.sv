/// Finds request frames in the bytes from the host and judges them; the payload goes to a buffer on the way.
///
/// After the last byte of a frame, or when the line fell silent inside one, `request_valid` rises with the verdict.
/// Until `request_ready` the receiver ignores the line. A frame is judged in this order: checksum, version, type,
/// length; so every verdict but BAD_CRC and TRUNCATED is about a frame that arrived as it was sent.
module link_frame_rx #(
    /// Payload of INFER, 1 to 65535 bytes.
    parameter int INPUT_BYTES = 64,
    /// Silence inside a frame, in clock cycles, after which it counts as cut short.
    parameter int TIMEOUT_CLOCKS = 512000
) (
    input  logic        clk,
    /// Synchronous, active high; forgets the frame in progress.
    input  logic        rst,

    input  logic [ 7:0] in_data,
    input  logic        in_valid,
    input  logic        in_error,

    /// Payload bytes in order, those past INPUT_BYTES left out; only worth reading after an OK verdict.
    output logic [ 7:0] write_data,
    output logic [15:0] write_address,
    output logic        write_valid,

    output logic        request_valid,
    input  logic        request_ready,
    output logic [ 7:0] request_kind,
    /// OK or the reason of refusal, as in `link_pkg`.
    output logic [ 7:0] request_code
);
  if (INPUT_BYTES < 1 || INPUT_BYTES > 65535) $fatal(1, "link_frame_rx: INPUT_BYTES must be 1 to 65535");
  if (TIMEOUT_CLOCKS < 40) $fatal(1, "link_frame_rx: TIMEOUT_CLOCKS must be at least one byte");

  typedef enum logic [3:0] {
    S_SYNC0,
    S_SYNC1,
    S_VERSION,
    S_KIND,
    S_LENGTH_LOW,
    S_LENGTH_HIGH,
    S_PAYLOAD,
    S_CRC_HIGH,
    S_CRC_LOW,
    S_JUDGED
  } state_e;

  localparam int TIMER_BITS = $clog2(TIMEOUT_CLOCKS);

  state_e state_q;
  logic [TIMER_BITS-1:0] timer_q;
  logic [15:0] crc_q, length_q, index_q;
  logic [7:0] version_q, kind_q;
  logic broken_q, cut_q;
  // The verdict, one cycle after the frame's end: much hangs on it, and it looks at everything.
  logic [7:0] code_q, verdict;
  logic decided_q;

  logic silent, known;
  logic [15:0] expected;
  assign silent        = timer_q == TIMER_BITS'(TIMEOUT_CLOCKS - 1);
  assign known         = kind_q == link_pkg::PING || kind_q == link_pkg::INFO || kind_q == link_pkg::INFER;
  assign expected      = kind_q == link_pkg::INFER ? 16'(INPUT_BYTES) : 16'd0;

  assign write_data    = in_data;
  assign write_address = index_q;
  assign write_valid   = state_q == S_PAYLOAD && in_valid && index_q < 16'(INPUT_BYTES);
  assign request_valid = state_q == S_JUDGED && decided_q;
  assign request_code  = code_q;
  assign request_kind  = kind_q;

  always_comb begin
    // Checksum bytes run through the checksum too: an intact frame leaves zero.
    if (cut_q) verdict = link_pkg::TRUNCATED;
    else if (broken_q || crc_q != '0) verdict = link_pkg::BAD_CRC;
    else if (version_q != link_pkg::VERSION) verdict = link_pkg::BAD_VERSION;
    else if (!known) verdict = link_pkg::BAD_TYPE;
    else if (length_q != expected) verdict = link_pkg::BAD_LENGTH;
    else verdict = link_pkg::OK;
  end

  always_ff @(posedge clk) begin
    code_q    <= verdict;
    decided_q <= state_q == S_JUDGED;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_q <= S_SYNC0;
    end else if (state_q == S_JUDGED) begin
      if (request_ready) state_q <= S_SYNC0;
    end else if (in_valid) begin
      case (state_q)
        S_SYNC0: if (in_data == link_pkg::SYNC0 && !in_error) state_q <= S_SYNC1;
        S_SYNC1:
        if (in_error) state_q <= S_SYNC0;
        else if (in_data == link_pkg::SYNC1) state_q <= S_VERSION;
        else if (in_data != link_pkg::SYNC0) state_q <= S_SYNC0;
        S_VERSION: state_q <= S_KIND;
        S_KIND: state_q <= S_LENGTH_LOW;
        S_LENGTH_LOW: state_q <= S_LENGTH_HIGH;
        S_LENGTH_HIGH: state_q <= {in_data, length_q[7:0]} == '0 ? S_CRC_HIGH : S_PAYLOAD;
        S_PAYLOAD: if (index_q + 16'd1 == length_q) state_q <= S_CRC_HIGH;
        S_CRC_HIGH: state_q <= S_CRC_LOW;
        default: state_q <= S_JUDGED;
      endcase
    end else if (silent) begin
      // Two sync bytes and then nothing is a frame cut short; less is noise, and noise gets no answer.
      state_q <= state_q == S_SYNC0 || state_q == S_SYNC1 ? S_SYNC0 : S_JUDGED;
    end
  end

  always_ff @(posedge clk) begin
    timer_q <= rst || in_valid || silent || state_q == S_SYNC0 || state_q == S_JUDGED ? '0 : timer_q + TIMER_BITS'(1);
    cut_q   <= state_q == S_JUDGED ? cut_q : silent && !in_valid;
    if (in_valid) begin
      case (state_q)
        S_SYNC0, S_SYNC1: begin
          crc_q    <= link_pkg::CRC_START;
          index_q  <= '0;
          broken_q <= 1'b0;
        end
        S_JUDGED: ;
        default: begin
          crc_q <= link_pkg::crc16(crc_q, in_data);
          if (in_error) broken_q <= 1'b1;
        end
      endcase
      case (state_q)
        S_VERSION: version_q <= in_data;
        S_KIND: kind_q <= in_data;
        S_LENGTH_LOW: length_q[7:0] <= in_data;
        S_LENGTH_HIGH: length_q[15:8] <= in_data;
        S_PAYLOAD: index_q <= index_q + 16'd1;
        default: ;
      endcase
    end
  end
endmodule
