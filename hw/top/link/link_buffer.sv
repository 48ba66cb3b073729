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
    /// The last byte of what was to be played has been taken.
    output logic                     idle,

    output logic [              7:0] out_data,
    output logic                     out_valid,
    input  logic                     out_ready
);
  if (BYTES < 1 || BYTES > 65535) $fatal(1, "link_buffer: BYTES must be 1 to 65535");
  if (SLOTS < 2) $fatal(1, "link_buffer: SLOTS must be at least 2");

  localparam int BITS = BYTES > 1 ? $clog2(BYTES) : 1;

  localparam int AHEAD = 4;  // bytes read that are not taken yet, at most
  localparam int AHEAD_BITS = $clog2(AHEAD + 1);

  logic [BITS-1:0] read_q;
  logic [7:0] memory;
  logic [AHEAD_BITS-1:0] ahead_q;
  logic playing_q, loaded_q, room;

  // A block RAM takes most of a cycle to show what it read, and the network as long to say that it takes a byte: a queue
  // keeps the two apart. It never overflows, as no more is read than it holds.
  logic load, taken;
  assign load  = playing_q && ahead_q != AHEAD_BITS'(AHEAD);
  assign taken = out_valid && out_ready;
  assign idle  = !playing_q && ahead_q == '0;

  link_queue #(
      .WIDTH(8),
      .DEPTH(AHEAD)
  ) u_ahead (
      .clk,
      .rst,
      .in_data (memory),
      .in_valid(loaded_q),
      .in_ready(room),
      .out_data,
      .out_valid,
      .out_ready
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      playing_q <= 1'b0;
      loaded_q  <= 1'b0;
      read_q    <= '0;
      ahead_q   <= '0;
    end else begin
      loaded_q <= load;
      ahead_q  <= ahead_q + AHEAD_BITS'(load) - AHEAD_BITS'(taken);
      if (load) begin
        read_q <= read_q == BITS'(BYTES - 1) ? '0 : read_q + BITS'(1);
        if (read_q == BITS'(BYTES - 1)) playing_q <= 1'b0;
      end
      if (play) playing_q <= 1'b1;
    end
  end

  // Write and registered read on their own clocked ports: this becomes block memory, without logic for reading what is
  // being written, as nobody does. Large payloads have one memory each, because a choice between more than a few block
  // RAMs is slow.
  if (BITS > 11) begin : g_places
    logic [7:0] read[SLOTS];
    for (genvar place = 0; place < SLOTS; place++) begin : g_place
      (* no_rw_check *) logic [7:0] bytes_q[1 << BITS];
      always_ff @(posedge clk) begin
        if (write_valid && write_slot == $clog2(SLOTS)'(place)) bytes_q[BITS'(write_address)] <= write_data;
      end
      always_ff @(posedge clk) begin
        if (load) read[place] <= bytes_q[read_q];
      end
    end
    assign memory = read[play_slot];
  end else begin : g_one
    (* no_rw_check *) logic [7:0] bytes_q[SLOTS << BITS];
    logic [7:0] read;
    always_ff @(posedge clk) begin
      if (write_valid) bytes_q[{write_slot, BITS'(write_address)}] <= write_data;
    end
    always_ff @(posedge clk) begin
      if (load) read <= bytes_q[{play_slot, read_q}];
    end
    assign memory = read;
  end
endmodule
