/// Puts judged requests and their payloads in order, and plays the payloads of INFER to the network one by one.
///
/// Takes up to SLOTS requests while earlier ones are computed and answered. One more is dropped, which `dropped` says:
/// a host that keeps to SLOTS unanswered requests never sees that.
module link_requests #(
    /// Bytes of one payload, 1 to 65535.
    parameter int BYTES = 64,
    /// Requests held, a power of two, at least 2.
    parameter int SLOTS = 4
) (
    input  logic        clk,
    /// Synchronous, active high; forgets all requests.
    input  logic        rst,

    input  logic [ 7:0] write_data,
    input  logic [15:0] write_address,
    input  logic        write_valid,

    /// High for one cycle per request, after its payload.
    input  logic        judged,
    input  logic [ 7:0] kind,
    input  logic [15:0] sequence_number,
    input  logic [ 7:0] code,
    /// With `judged`: this request cannot be carried out now.
    input  logic        busy,
    /// With `judged`: there was no room for this request.
    output logic        dropped,

    /// To the network: one byte a beat.
    output logic [ 7:0] net_data,
    output logic        net_valid,
    input  logic        net_ready,

    /// What is to be answered, in order; an INFER as soon as its payload is on its way to the network.
    output logic [ 7:0] answer_kind,
    output logic [15:0] answer_sequence,
    output logic [ 7:0] answer_code,
    output logic        answer_valid,
    input  logic        answer_ready
);
  localparam int SLOT_BITS = $clog2(SLOTS);

  logic [SLOT_BITS-1:0] write_slot_q, play_slot_q;
  logic full_q, started_q;

  // A payload that met a full queue at its first byte has holes, even where there is room at its last.
  logic room, take, lost, full;
  assign full    = full_q || (write_valid && !room);
  assign lost    = !room || full_q || busy;
  assign dropped = judged && lost;
  assign take    = judged && !lost;

  logic [31:0] waiting;
  logic waiting_valid, release_slot;
  link_queue #(
      .WIDTH(32),
      .DEPTH(SLOTS)
  ) u_waiting (
      .clk,
      .rst,
      .in_data  ({kind, sequence_number, code}),
      .in_valid (take),
      .in_ready (room),
      .out_data (waiting),
      .out_valid(waiting_valid),
      .out_ready(release_slot)
  );

  // A request goes on to be answered at once; its slot is free when its payload has been read.
  logic infer, go, answers_ready, idle;
  assign infer        = waiting[31:24] == link_pkg::INFER && waiting[7:0] == link_pkg::OK;
  assign go           = waiting_valid && !started_q && idle && answers_ready;
  assign release_slot = started_q ? idle : go && !infer;

  link_buffer #(
      .BYTES(BYTES),
      .SLOTS(SLOTS)
  ) u_buffer (
      .clk,
      .rst,
      .write_data,
      .write_address,
      .write_slot(write_slot_q),
      .write_valid(write_valid && room && !full_q),
      .play(go && infer),
      .play_slot(play_slot_q),
      .idle,
      .out_data(net_data),
      .out_valid(net_valid),
      .out_ready(net_ready)
  );

  link_queue #(
      .WIDTH(32),
      .DEPTH(SLOTS)
  ) u_answers (
      .clk,
      .rst,
      .in_data  (waiting),
      .in_valid (go),
      .in_ready (answers_ready),
      .out_data ({answer_kind, answer_sequence, answer_code}),
      .out_valid(answer_valid),
      .out_ready(answer_ready)
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      write_slot_q <= '0;
      play_slot_q  <= '0;
      full_q       <= 1'b0;
      started_q    <= 1'b0;
    end else begin
      full_q <= full && !judged;
      if (take) write_slot_q <= write_slot_q + SLOT_BITS'(1);
      if (release_slot) play_slot_q <= play_slot_q + SLOT_BITS'(1);
      if (go && infer) started_q <= 1'b1;
      else if (release_slot) started_q <= 1'b0;
    end
  end
endmodule
