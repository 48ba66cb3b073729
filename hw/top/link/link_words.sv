/// Splits each element of the network's output into four bytes: 32-bit two's complement, least significant first.
module link_words #(
    /// Bits of one element, 1 to 32.
    parameter int WIDTH = 32,
    /// Whether elements are two's complement.
    parameter bit SIGNED = 1
) (
    input  logic             clk,
    /// Synchronous, active high; the next byte is an element's first.
    input  logic             rst,

    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,

    output logic [      7:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
  if (WIDTH < 1 || WIDTH > 32) $fatal(1, "link_words: WIDTH must be 1 to 32");
  if (!SIGNED && WIDTH > 31) $fatal(1, "link_words: unsigned elements must have at most 31 bits");

  logic [1:0] byte_q;

  logic [31:0] word;
  assign word      = SIGNED ? 32'($signed(in_data)) : 32'(in_data);
  assign out_data  = word[8*byte_q+:8];
  assign out_valid = in_valid;
  assign in_ready  = out_ready && byte_q == 2'd3;

  always_ff @(posedge clk) begin
    if (rst) byte_q <= '0;
    else if (out_valid && out_ready) byte_q <= byte_q + 2'd1;
  end
endmodule
