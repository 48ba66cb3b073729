/// Wraps one payload at a time into a frame: sync, version, type, sequence number, length, payload, checksum.
module link_frame_tx (
    input  logic        clk,
    /// Synchronous, active high; drops the frame in progress.
    input  logic        rst,

    /// One frame per handshake; the other `start_` signals hold still until `done`.
    input  logic        start_valid,
    output logic        start_ready,
    input  logic [ 7:0] start_kind,
    input  logic [15:0] start_sequence,
    /// Payload bytes, 0 to 65535.
    input  logic [15:0] start_length,

    input  logic [ 7:0] in_data,
    input  logic        in_valid,
    output logic        in_ready,

    output logic [ 7:0] out_data,
    output logic        out_valid,
    input  logic        out_ready,

    /// High for one cycle with the frame's last byte.
    output logic        done
);
  typedef enum logic [3:0] {
    S_IDLE,
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

  state_e state_q;
  logic [31:0] crc_q;
  logic [15:0] index_q;

  logic move, in_crc;
  assign start_ready = state_q == S_IDLE;
  assign out_valid   = state_q == S_PAYLOAD ? in_valid : state_q != S_IDLE;
  assign in_ready    = state_q == S_PAYLOAD && out_ready;
  assign move        = out_valid && out_ready;
  assign done        = move && state_q == S_CRC3;
  assign in_crc      = state_q inside {S_CRC0, S_CRC1, S_CRC2, S_CRC3};

  always_comb begin
    case (state_q)
      S_SYNC0: out_data = link_pkg::SYNC0;
      S_SYNC1: out_data = link_pkg::SYNC1;
      S_VERSION: out_data = link_pkg::VERSION;
      S_KIND: out_data = start_kind;
      S_SEQUENCE_LOW: out_data = start_sequence[7:0];
      S_SEQUENCE_HIGH: out_data = start_sequence[15:8];
      S_LENGTH_LOW: out_data = start_length[7:0];
      S_LENGTH_HIGH: out_data = start_length[15:8];
      S_PAYLOAD: out_data = in_data;
      // The checksum, least significant byte first: each byte sent is shifted out.
      default: out_data = ~crc_q[7:0];
    endcase
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state_q <= S_IDLE;
    end else if (state_q == S_IDLE) begin
      if (start_valid) state_q <= S_SYNC0;
    end else if (move) begin
      case (state_q)
        S_SYNC0: state_q <= S_SYNC1;
        S_SYNC1: state_q <= S_VERSION;
        S_VERSION: state_q <= S_KIND;
        S_KIND: state_q <= S_SEQUENCE_LOW;
        S_SEQUENCE_LOW: state_q <= S_SEQUENCE_HIGH;
        S_SEQUENCE_HIGH: state_q <= S_LENGTH_LOW;
        S_LENGTH_LOW: state_q <= S_LENGTH_HIGH;
        S_LENGTH_HIGH: state_q <= start_length == '0 ? S_CRC0 : S_PAYLOAD;
        S_PAYLOAD: if (index_q + 16'd1 == start_length) state_q <= S_CRC0;
        S_CRC0: state_q <= S_CRC1;
        S_CRC1: state_q <= S_CRC2;
        S_CRC2: state_q <= S_CRC3;
        default: state_q <= S_IDLE;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (state_q == S_IDLE) index_q <= '0;
    else if (move && state_q == S_PAYLOAD) index_q <= index_q + 16'd1;
    if (state_q == S_SYNC1) crc_q <= link_pkg::CRC_START;
    else if (move) crc_q <= in_crc ? crc_q >> 8 : link_pkg::crc32(crc_q, out_data);
  end
endmodule
