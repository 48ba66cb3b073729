/// Holds payloads until they are known to be intact, then plays one out as a stream, one byte a beat.
module link_buffer #(
    /// Bytes of a payload, 1 to 65535.
    parameter int BYTES = 64,
    /// Payloads held, at least 2.
    parameter int SLOTS = 4
) (
    input  logic                     clk,
    /// Synchronous, active high; stops playing.
    input  logic                     rst,

    input  logic [              7:0] write_data,
    input  logic [             15:0] write_address,
    input  logic [$clog2(SLOTS)-1:0] write_slot,
    input  logic                     write_valid,

    /// High for one cycle: play all bytes of `play_slot`, which holds still and is not written until `idle`.
    input  logic                     play,
    input  logic [$clog2(SLOTS)-1:0] play_slot,
    /// The last byte of what was to be played has been read.
    output logic                     idle,

    output logic [              7:0] out_data,
    output logic                     out_valid,
    input  logic                     out_ready
);
  if (BYTES < 1 || BYTES > 65535) $fatal(1, "link_buffer: BYTES must be 1 to 65535");
  if (SLOTS < 2) $fatal(1, "link_buffer: SLOTS must be at least 2");

  localparam int BITS = BYTES > 1 ? $clog2(BYTES) : 1;

  logic [7:0] bytes_q[SLOTS << BITS];
  logic [BITS-1:0] read_q;
  logic [7:0] out_q;
  logic playing_q, valid_q;

  logic load;
  assign load      = playing_q && (!valid_q || out_ready);
  assign idle      = !playing_q;
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
    if (write_valid) bytes_q[{write_slot, BITS'(write_address)}] <= write_data;
  end
  always_ff @(posedge clk) begin
    if (load) out_q <= bytes_q[{play_slot, read_q}];
  end
endmodule
