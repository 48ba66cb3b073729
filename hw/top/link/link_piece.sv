/// Keeps the payload of one PIECE until its frame is known to be intact, then copies it to where it belongs.
///
/// Payload: the piece's number (2 bytes) and its data, 1 to PIECE_BYTES. The copy takes a cycle for each byte: it is
/// done long before the next frame's payload begins.
module link_piece (
    input  logic        clk,
    /// Synchronous, active high; stops copying.
    input  logic        rst,

    /// Payload bytes as they come, whatever becomes of their frame.
    input  logic [ 7:0] write_data,
    input  logic [15:0] write_address,
    input  logic        write_valid,
    /// High for one cycle: the payload that came last is a piece that is to be kept.
    input  logic        take,

    output logic [ 7:0] copy_data,
    /// Place in the network's input; the number's excess bits are dropped.
    output logic [15:0] copy_address,
    output logic        copy_valid
);
  localparam int BITS = $clog2(link_pkg::PIECE_BYTES);

  // The number's two bytes lie where the last two of a whole piece will.
  logic [7:0] bytes_q[link_pkg::PIECE_BYTES];
  logic [15:0] number_q;
  logic [BITS-1:0] last_q, index_q;
  logic copying_q, unused;

  assign copy_data    = bytes_q[index_q+BITS'(2)];
  assign copy_address = {number_q[15-BITS:0], index_q};
  assign copy_valid   = copying_q;
  assign unused       = &number_q[15:16-BITS];

  always_ff @(posedge clk) begin
    if (write_valid) bytes_q[write_address[BITS-1:0]] <= write_data;
    if (write_valid) last_q <= write_address[BITS-1:0] - BITS'(2);
    if (write_valid && write_address[15:1] == '0) number_q <= {write_data, number_q[15:8]};
  end

  always_ff @(posedge clk) begin
    index_q <= copying_q ? index_q + BITS'(1) : '0;
    if (rst) copying_q <= 1'b0;
    else if (take) copying_q <= 1'b1;
    else if (index_q == last_q) copying_q <= 1'b0;
  end
endmodule
