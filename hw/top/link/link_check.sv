/// The checksum of a stream of bytes, one bit a cycle: small, and still much faster than the line.
module link_check (
    input  logic        clk,
    /// High for one cycle: a new stream begins.
    input  logic        start,

    input  logic [ 7:0] in_data,
    input  logic        in_valid,
    output logic        in_ready,

    /// CRC-32 of all bytes since `start`.
    output logic [31:0] checksum
);
  logic [31:0] crc_q;
  logic [2:0] bit_q;

  assign in_ready = bit_q == 3'd7;
  assign checksum = ~crc_q;

  always_ff @(posedge clk) begin
    if (start) begin
      crc_q <= link_pkg::CRC_START;
      bit_q <= '0;
    end else if (in_valid) begin
      crc_q <= (crc_q >> 1) ^ (crc_q[0] != in_data[bit_q] ? link_pkg::CRC_POLYNOMIAL : '0);
      bit_q <= bit_q + 3'd1;
    end
  end
endmodule
