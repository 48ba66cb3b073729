/// Constants of the host link and its checksum; `protocol.py` holds the same values for the host.
package link_pkg;
  localparam logic [7:0] SYNC0 = 8'h48;
  localparam logic [7:0] SYNC1 = 8'h46;
  localparam logic [7:0] VERSION = 8'h03;

  localparam logic [7:0] PING = 8'h01;
  localparam logic [7:0] HELLO = 8'h02;
  localparam logic [7:0] INFER = 8'h03;
  localparam logic [7:0] COUNTERS = 8'h04;
  localparam logic [7:0] THRESHOLDS = 8'h05;
  localparam logic [7:0] PIECE = 8'h06;
  localparam logic [7:0] RUN = 8'h07;
  /// Payload of THRESHOLDS: one word.
  localparam int WORD_BYTES = 8;
  /// Most data of a PIECE, whose payload begins with its number.
  localparam int PIECE_BYTES = 32;
  localparam int NUMBER_BYTES = 2;
  /// Payload of RUN: the checksum of the input.
  localparam int RUN_BYTES = 4;
  /// Set in the type of an answer to a request that was carried out.
  localparam logic [7:0] ANSWER = 8'h80;
  localparam logic [7:0] ERROR = 8'hFF;

  localparam logic [7:0] OK = 8'h00;
  localparam logic [7:0] BAD_CRC = 8'h01;
  localparam logic [7:0] BAD_VERSION = 8'h02;
  localparam logic [7:0] BAD_TYPE = 8'h03;
  localparam logic [7:0] BAD_LENGTH = 8'h04;
  localparam logic [7:0] TRUNCATED = 8'h05;
  localparam logic [7:0] NOT_SUPPORTED = 8'h06;
  /// Never sent: the place among the counters of requests for which there was no room.
  localparam logic [7:0] OVERRUN = 8'h07;
  /// Not counted: it is known only when the request's turn has come.
  localparam logic [7:0] INCOMPLETE = 8'h08;
  localparam int COUNTED_CODES = 8;
  /// The codes' counters, then bytes without a stop bit; two bytes each.
  localparam int COUNTER_BYTES = 2 * (COUNTED_CODES + 1);

  localparam logic [31:0] CRC_START = 32'hFFFFFFFF;
  localparam logic [31:0] CRC_POLYNOMIAL = 32'hEDB88320;
  /// What an intact frame followed by its checksum leaves.
  localparam logic [31:0] CRC_RESIDUE = 32'hDEBB20E3;

  /// CRC-32 (IEEE 802.3) of one more byte, least significant bit first; inverted only when sent.
  function automatic logic [31:0] crc32(input logic [31:0] crc, input logic [7:0] data);
    crc32 = crc ^ {24'd0, data};
    for (int i = 0; i < 8; i++) crc32 = crc32[0] ? (crc32 >> 1) ^ CRC_POLYNOMIAL : crc32 >> 1;
  endfunction
endpackage
