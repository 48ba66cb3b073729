/// A short queue in registers; a full one takes nothing.
module link_queue #(
    parameter int WIDTH = 32,
    /// Entries, a power of two, at least 2.
    parameter int DEPTH = 4
) (
    input  logic             clk,
    /// Synchronous, active high; empties it.
    input  logic             rst,

    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,

    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
  if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) $fatal(1, "link_queue: DEPTH must be a power of two, at least 2");

  localparam int BITS = $clog2(DEPTH);

  logic [WIDTH-1:0] entries_q[DEPTH];
  logic [BITS:0] write_q, read_q;

  assign in_ready  = write_q != {!read_q[BITS], read_q[BITS-1:0]};
  assign out_valid = write_q != read_q;
  assign out_data  = entries_q[read_q[BITS-1:0]];

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      read_q  <= '0;
    end else begin
      if (in_valid && in_ready) write_q <= write_q + (BITS + 1)'(1);
      if (out_valid && out_ready) read_q <= read_q + (BITS + 1)'(1);
    end
  end

  always_ff @(posedge clk) begin
    if (in_valid && in_ready) entries_q[write_q[BITS-1:0]] <= in_data;
  end
endmodule
