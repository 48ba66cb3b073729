/// Maximum over windows along one axis: positions k * STRIDE to k * STRIDE + KERNEL - 1 of LENGTH, each of INNER beats.
///
/// Beats come as (position, inner beat), again and again; results leave as (window, inner beat). What is in no whole
/// window is read and dropped. A window's running maximum is kept from its first position on; the last one's goes
/// straight out, so that windows whose ends meet share a slot. The slots lie in a memory that is read without delay
/// and written at the clock edge. The output is registered.
module maxpool_axis #(
    /// Bits of one element; 1: two's complement, 0: unsigned or bipolar codes.
    parameter int ELEMENT_BITS = 8,
    parameter int SIGNED = 0,
    /// Elements per beat, beats per position.
    parameter int PARALLEL = 1,
    parameter int INNER = 1,
    parameter int LENGTH = 2,
    parameter int KERNEL = 2,
    parameter int STRIDE = 2
) (
    input  logic                             clk,
    /// Synchronous, active high; the next beat is the first one of position 0.
    input  logic                             rst,

    input  logic [PARALLEL*ELEMENT_BITS-1:0] in_data,
    input  logic                             in_valid,
    output logic                             in_ready,

    output logic [PARALLEL*ELEMENT_BITS-1:0] out_data,
    output logic                             out_valid,
    input  logic                             out_ready
);
  if (ELEMENT_BITS < 1 || ELEMENT_BITS > 48) $fatal(1, "maxpool: ELEMENT_BITS must be 1 to 48");
  if (SIGNED != 0 && SIGNED != 1) $fatal(1, "maxpool: SIGNED must be 0 or 1");
  if (PARALLEL < 1 || INNER < 1) $fatal(1, "maxpool: PARALLEL and FOLD must be at least 1");
  if (KERNEL < 1 || STRIDE < 1) $fatal(1, "maxpool: kernels and strides must be at least 1");
  if (LENGTH < KERNEL) $fatal(1, "maxpool: the frame must hold a window");

  function automatic int bits(input int count);
    bits = count > 1 ? $clog2(count) : 1;
  endfunction
  localparam int BITS = PARALLEL * ELEMENT_BITS;
  localparam int COUNT = (LENGTH - KERNEL) / STRIDE + 1;
  localparam int SLOTS = KERNEL > 1 ? (KERNEL + STRIDE - 2) / STRIDE : 1;  // windows open behind any position
  localparam int INNER_BITS = bits(INNER);
  localparam int LENGTH_BITS = bits(LENGTH);
  localparam int COUNT_BITS = bits(COUNT + 1);

  // Position of the input beat.
  logic [INNER_BITS-1:0] inner_q;
  logic [LENGTH_BITS-1:0] position_q;
  logic last_inner, last_position;
  assign last_inner = inner_q == INNER_BITS'(INNER - 1);
  assign last_position = position_q == LENGTH_BITS'(LENGTH - 1);

  // The window that ends next: how many have ended, which slot it has, and where it ends.
  logic [COUNT_BITS-1:0] ended_q;
  logic [SLOTS-1:0] ends_slot_q;  // one bit set
  logic [LENGTH_BITS-1:0] until_q;  // positions before its last one
  // The window that begins next.
  logic [SLOTS-1:0] begins_slot_q;  // one bit set
  logic [bits(STRIDE)-1:0] phase_q;  // position modulo STRIDE

  logic opens, closes, free, step;
  assign opens = phase_q == '0;
  assign closes = until_q == '0 && ended_q != COUNT_BITS'(COUNT);

  logic [BITS-1:0] out_q;
  logic valid_q;
  assign free = !valid_q || out_ready;
  assign in_ready = free || !closes;
  assign step = in_valid && in_ready;
  assign out_valid = valid_q;
  assign out_data = out_q;

  function automatic logic [SLOTS-1:0] next_slot(input logic [SLOTS-1:0] slot);
    next_slot = SLOTS'({slot, slot} >> (SLOTS - 1));
  endfunction

  always_ff @(posedge clk) begin
    if (rst) begin
      inner_q       <= '0;
      position_q    <= '0;
      ended_q       <= '0;
      ends_slot_q   <= SLOTS'(1);
      until_q       <= LENGTH_BITS'(KERNEL - 1);
      begins_slot_q <= SLOTS'(1);
      phase_q       <= '0;
      valid_q       <= 1'b0;
    end else begin
      if (free) valid_q <= step && closes;
      if (step) inner_q <= last_inner ? '0 : inner_q + INNER_BITS'(1);
      if (step && last_inner) begin
        position_q <= position_q + LENGTH_BITS'(1);
        phase_q <= phase_q == (bits(STRIDE))'(STRIDE - 1) ? '0 : phase_q + (bits(STRIDE))'(1);
        if (opens) begins_slot_q <= next_slot(begins_slot_q);
        if (until_q != '0) until_q <= until_q - LENGTH_BITS'(1);
        else if (closes) begin
          until_q <= LENGTH_BITS'(STRIDE - 1);
          ended_q <= ended_q + COUNT_BITS'(1);
          ends_slot_q <= next_slot(ends_slot_q);
        end
        if (last_position) begin
          position_q    <= '0;
          ended_q       <= '0;
          ends_slot_q   <= SLOTS'(1);
          until_q       <= LENGTH_BITS'(KERNEL - 1);
          begins_slot_q <= SLOTS'(1);
          phase_q       <= '0;
        end
      end
    end
  end

  // Each slot's maximum with the beat, and that of the window that ends.
  logic [SLOTS*BITS-1:0] maxima_q[INNER];
  logic [SLOTS*BITS-1:0] held, kept;
  logic [BITS-1:0] ending, result;
  assign held = maxima_q[inner_q];
  always_comb begin
    ending = '0;
    for (int s = 0; s < SLOTS; s++) if (ends_slot_q[s]) ending = ending | held[s*BITS+:BITS];
  end

  function automatic logic [BITS-1:0] maximum(input logic [BITS-1:0] a, input logic [BITS-1:0] b);
    for (int i = 0; i < PARALLEL; i++) begin
      automatic logic [ELEMENT_BITS-1:0] x, y;
      automatic logic greater;
      x = a[i*ELEMENT_BITS+:ELEMENT_BITS];
      y = b[i*ELEMENT_BITS+:ELEMENT_BITS];
      greater = SIGNED != 0 ? $signed(x) > $signed(y) : x > y;
      maximum[i*ELEMENT_BITS+:ELEMENT_BITS] = greater ? x : y;
    end
  endfunction

  if (KERNEL == 1) begin : g_alone
    assign result = in_data;
  end else begin : g_window
    assign result = maximum(in_data, ending);
  end
  for (genvar s = 0; s < SLOTS; s++) begin : g_slot
    assign kept[s*BITS+:BITS] = opens && begins_slot_q[s] ? in_data : maximum(in_data, held[s*BITS+:BITS]);
  end

  always_ff @(posedge clk) begin
    if (step) maxima_q[inner_q] <= kept;
    if (step && closes) out_q <= result;
  end
endmodule
