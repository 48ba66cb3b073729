/// Constants of the host link and its checksum; `protocol.py` holds the same values for the host.
package link_pkg;
  localparam logic [7:0] SYNC0 = 8'h48;
  localparam logic [7:0] SYNC1 = 8'h46;
  localparam logic [7:0] VERSION = 8'h01;

  localparam logic [7:0] PING = 8'h01;
  localparam logic [7:0] INFO = 8'h02;
  localparam logic [7:0] INFER = 8'h03;
  /// Set in the type of an answer to a request that was carried out.
  localparam logic [7:0] ANSWER = 8'h80;
  localparam logic [7:0] ERROR = 8'hFF;

  localparam logic [7:0] OK = 8'h00;
  localparam logic [7:0] BAD_CRC = 8'h01;
  localparam logic [7:0] BAD_VERSION = 8'h02;
  localparam logic [7:0] BAD_TYPE = 8'h03;
  localparam logic [7:0] BAD_LENGTH = 8'h04;
  localparam logic [7:0] TRUNCATED = 8'h05;

  localparam logic [15:0] CRC_START = 16'hFFFF;
  localparam logic [15:0] CRC_POLYNOMIAL = 16'h1021;

  /// CRC-16/CCITT-FALSE of one more byte, most significant bit first; neither reflected nor inverted.
  function automatic logic [15:0] crc16(input logic [15:0] crc, input logic [7:0] data);
    crc16 = crc ^ {data, 8'h00};
    for (int i = 0; i < 8; i++) crc16 = crc16[15] ? {crc16[14:0], 1'b0} ^ CRC_POLYNOMIAL : {crc16[14:0], 1'b0};
  endfunction
endpackage
