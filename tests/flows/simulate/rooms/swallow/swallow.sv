/// Deliberately broken: takes every beat and gives one back only for the first LIMIT of them.
module swallow #(
    parameter int WIDTH = 8,
    parameter int LIMIT = 1
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
  logic [31:0] count_q;
  logic passing;
  assign passing = count_q < 32'(LIMIT);
  assign in_ready = out_ready || !passing;
  assign out_valid = in_valid && passing;
  assign out_data = in_data;
  always_ff @(posedge clk) begin
    if (rst) count_q <= '0;
    else if (in_valid && in_ready) count_q <= count_q + 1;
  end
endmodule
