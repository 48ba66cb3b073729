/// Holds one payload until it is known to be intact, then plays it out as a stream, one byte a beat.
module link_buffer #(
    /// Bytes held and played, 1 to 65535.
    parameter int BYTES = 64
) (
    input  logic        clk,
    /// Synchronous, active high; stops playing.
    input  logic        rst,

    input  logic [ 7:0] write_data,
    input  logic [15:0] write_address,
    input  logic        write_valid,

    /// High for one cycle: play all BYTES bytes. Nothing may be written, nor played again, before the last is out.
    input  logic        play,

    output logic [ 7:0] out_data,
    output logic        out_valid,
    input  logic        out_ready
);
  if (BYTES < 1 || BYTES > 65535) $fatal(1, "link_buffer: BYTES must be 1 to 65535");

  localparam int BITS = BYTES > 1 ? $clog2(BYTES) : 1;

  logic [7:0] bytes_q[BYTES];
  logic [BITS-1:0] read_q;
  logic [7:0] out_q;
  logic playing_q, valid_q;

  logic load;
  assign load      = playing_q && (!valid_q || out_ready);
  assign out_data  = out_q;
  assign out_valid = valid_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      playing_q <= 1'b0;
      valid_q   <= 1'b0;
      read_q    <= '0;
    end else begin
      if (load) begin
        valid_q <= 1'b1;
        read_q  <= read_q == BITS'(BYTES - 1) ? '0 : read_q + BITS'(1);
        if (read_q == BITS'(BYTES - 1)) playing_q <= 1'b0;
      end else if (out_ready) begin
        valid_q <= 1'b0;
      end
      if (play) playing_q <= 1'b1;
    end
  end

  // Write and registered read on their own clocked ports: this becomes block memory.
  always_ff @(posedge clk) begin
    if (write_valid) bytes_q[BITS'(write_address)] <= write_data;
  end
  always_ff @(posedge clk) begin
    if (load) out_q <= bytes_q[read_q];
  end
endmodule
