/// First-in first-out buffer with a registered output.
///
/// A beat reaches the output one cycle after it entered an empty buffer, three with BLOCK; one beat a cycle in and out at
/// once. `in_ready` and `out_valid` come from registers only: a fifo cuts every combinational path of its stream.
module fifo #(
    /// Bits of one beat, at least 1.
    parameter int WIDTH = 8,
    /// Beats held, the output register included; at least 2, with BLOCK 4.
    parameter int DEPTH = 2,
    /// 1: the slots are block RAM, and its read register is one of the beats held.
    parameter int BLOCK = 0
) (
    input  logic             clk,
    /// Synchronous, active high; drops every beat held.
    input  logic             rst,

    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,

    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
  if (WIDTH < 1) $fatal(1, "fifo: WIDTH must be at least 1");
  if (BLOCK != 0 && BLOCK != 1) $fatal(1, "fifo: BLOCK must be 0 or 1");
  if (DEPTH < 2 + 2 * BLOCK) $fatal(1, "fifo: DEPTH must be at least 2, with BLOCK 4");

  localparam int SLOTS = DEPTH - 1 - BLOCK;
  localparam int POINTER_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1;
  localparam int COUNT_BITS = $clog2(SLOTS + 1);

  logic [POINTER_BITS-1:0] write_q, read_q;
  logic [COUNT_BITS-1:0] count_q;
  // count_q == 0 and count_q == SLOTS, kept as registers because all data bits hang on them.
  logic empty_q, full_q;
  logic [WIDTH-1:0] out_q;
  logic valid_q;

  logic push, refill, store, load;
  assign in_ready  = !full_q;
  assign out_valid = valid_q;
  assign out_data  = out_q;

  assign push   = in_valid && in_ready;
  assign refill = !valid_q || out_ready;

  function automatic logic [POINTER_BITS-1:0] next(input logic [POINTER_BITS-1:0] pointer);
    next = pointer == POINTER_BITS'(SLOTS - 1) ? '0 : pointer + POINTER_BITS'(1);
  endfunction

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      read_q  <= '0;
      count_q <= '0;
      empty_q <= 1'b1;
      full_q  <= 1'b0;
    end else begin
      if (store) write_q <= next(write_q);
      if (load) read_q <= next(read_q);
      if (store && !load) begin
        count_q <= count_q + COUNT_BITS'(1);
        empty_q <= 1'b0;
        full_q  <= count_q == COUNT_BITS'(SLOTS - 1);
      end else if (load && !store) begin
        count_q <= count_q - COUNT_BITS'(1);
        empty_q <= count_q == COUNT_BITS'(1);
        full_q  <= 1'b0;
      end
    end
  end

  // Data needs no reset: nothing reads it before it was written.
  if (BLOCK != 0) begin : g_block
    // A slot is read only after the cycle that wrote it, never in it.
    (* ram_style = "block", no_rw_check *) logic [WIDTH-1:0] slots_q[SLOTS];
    logic [WIDTH-1:0] ahead_q;
    logic ahead_valid_q;

    assign store = push;
    assign load  = !empty_q && (!ahead_valid_q || refill);

    always_ff @(posedge clk) begin
      if (rst) begin
        ahead_valid_q <= 1'b0;
        valid_q       <= 1'b0;
      end else begin
        if (load || refill) ahead_valid_q <= load;
        if (refill) valid_q <= ahead_valid_q;
      end
    end

    always_ff @(posedge clk) begin
      if (store) slots_q[write_q] <= in_data;
      if (load) ahead_q <= slots_q[read_q];
      if (refill) out_q <= ahead_q;
    end
  end else begin : g_distributed
    // Few and narrow slots too are smaller as distributed memory than as registers with a multiplexer; one slot is not.
    (* ram_style = SLOTS > 1 ? "distributed" : "registers" *) logic [WIDTH-1:0] slots_q[SLOTS];

    assign store = push && !(refill && empty_q);
    assign load  = refill && !empty_q;

    always_ff @(posedge clk) begin
      if (rst) valid_q <= 1'b0;
      else if (refill) valid_q <= !empty_q || push;
    end

    always_ff @(posedge clk) begin
      if (store) slots_q[write_q] <= in_data;
      if (refill) out_q <= empty_q ? in_data : slots_q[read_q];
    end
  end
endmodule
