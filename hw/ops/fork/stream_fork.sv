/// Copies of one stream: every beat goes to every output exactly once, whenever that output takes it.
///
/// Eager: an output that is ready takes its copy at once and is then left out until all others have theirs, so
/// consumers may wait for one another. The streams lie side by side, copy 0 lowest. No `valid` depends on a `ready`.
module stream_fork #(
    /// Bits of one beat.
    parameter int WIDTH = 8,
    /// Outputs, at least 2.
    parameter int COPIES = 2
) (
    input  logic                    clk,
    /// Synchronous, active high; forgets which copies of the beat at the input are taken.
    input  logic                    rst,

    input  logic [       WIDTH-1:0] in_data,
    input  logic                    in_valid,
    output logic                    in_ready,

    output logic [COPIES*WIDTH-1:0] out_data,
    output logic [      COPIES-1:0] out_valid,
    input  logic [      COPIES-1:0] out_ready
);
  if (WIDTH < 1) $fatal(1, "stream_fork: WIDTH must be at least 1");
  if (COPIES < 2) $fatal(1, "stream_fork: COPIES must be at least 2");

  // Outputs that have the beat at the input already.
  logic [COPIES-1:0] done_q, served;
  assign served    = done_q | out_ready;
  assign in_ready  = &served;
  assign out_valid = {COPIES{in_valid}} & ~done_q;
  assign out_data  = {COPIES{in_data}};

  always_ff @(posedge clk) begin
    if (rst) done_q <= '0;
    else if (in_valid) done_q <= in_ready ? '0 : served;
  end
endmodule
