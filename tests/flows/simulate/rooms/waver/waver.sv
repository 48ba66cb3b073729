/// Deliberately broken. MODE 0: changes its data while it waits; 1: raises valid only after ready; 2: sends twice.
module waver #(
    parameter int WIDTH = 8,
    parameter int MODE = 0
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
  logic again_q, waited_q;
  assign in_ready = out_ready && (MODE != 2 || again_q);
  assign out_valid = in_valid && (MODE != 1 || out_ready);
  assign out_data = MODE == 0 && waited_q ? ~in_data : in_data;
  always_ff @(posedge clk) begin
    if (rst) begin
      again_q <= 1'b0;
      waited_q <= 1'b0;
    end else begin
      if (in_valid && out_ready) again_q <= !again_q;
      waited_q <= in_valid && !out_ready;
    end
  end
endmodule
