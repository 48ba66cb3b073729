/// Passes beats on unchanged, but only in some cycles, chosen by a shift register that SEED starts.
module stutter #(
    parameter int WIDTH = 8,
    parameter int SEED = 1
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
  logic [15:0] random_q;
  logic full_q;
  logic [WIDTH-1:0] data_q;
  assign in_ready = !full_q && random_q[1:0] == '0;
  assign out_valid = full_q;
  assign out_data = data_q;
  always_ff @(posedge clk) begin
    if (rst) begin
      random_q <= 16'(SEED);
      full_q   <= 1'b0;
    end else begin
      random_q <= {random_q[14:0], random_q[15] ^ random_q[13] ^ random_q[12] ^ random_q[10]};
      if (in_valid && in_ready) full_q <= 1'b1;
      else if (out_ready) full_q <= 1'b0;
    end
    if (in_ready) data_q <= in_data;
  end
endmodule
