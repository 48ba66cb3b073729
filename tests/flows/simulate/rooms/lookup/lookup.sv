/// Replaces every code by the word at that address of a memory file.
module lookup #(
    parameter int WIDTH = 8,
    parameter TABLE = ""
) (
    input  logic             clk,
    input  logic             rst,
    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
  logic [WIDTH-1:0] words[1 << WIDTH];
  initial $readmemh(TABLE, words);
  assign in_ready = !out_valid || out_ready;
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (in_ready) out_valid <= in_valid;
    if (in_ready) out_data <= words[in_data];
  end
endmodule
