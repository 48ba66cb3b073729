/// Puts judged requests and their payloads in order, and plays the payloads of INFER to the network one by one.
///
/// An input may also come in pieces, to a place of its own; RUN names its checksum, and when its turn has come all bytes
/// there are checked against it and only then played. Till then, pieces and a second RUN are dropped.
///
/// Takes up to SLOTS requests while earlier ones are computed and answered. One more is dropped, which `dropped` says:
/// a host that keeps to SLOTS unanswered requests never sees that.
module link_requests #(
    /// Bytes of one payload, 1 to 65535.
    parameter int BYTES = 64,
    /// Requests held, a power of two, at least 2.
    parameter int SLOTS = 4,
    /// 1: takes PIECE and RUN.
    parameter int PIECES = 0
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

    /// What is to be answered, in order; an INFER or RUN as soon as its input is on its way to the network.
    output logic [ 7:0] answer_kind,
    output logic [15:0] answer_sequence,
    output logic [ 7:0] answer_code,
    output logic        answer_valid,
    input  logic        answer_ready
);
  localparam int SLOT_BITS = $clog2(SLOTS);
  // Behind the payloads of INFER there is room for one input that comes in pieces.
  localparam int PLACES = SLOTS + (PIECES != 0 ? 1 : 0);
  localparam int PLACE_BITS = $clog2(PLACES);

  typedef enum logic [1:0] {
    S_WAIT,
    S_CHECK,
    S_PLAY
  } state_e;

  state_e state_q;
  logic [SLOT_BITS-1:0] write_slot_q, play_slot_q;
  logic full_q;

  // A payload that met a full queue at its first byte has holes, even where there is room at its last.
  logic room, take, lost, full, shut;
  assign full    = full_q || (write_valid && !room);
  assign lost    = !room || full_q || busy || shut;
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

  // A request goes on to be answered at once, a RUN when it has been checked; its slot is free when its payload has
  // been read.
  logic infer, run, ready, check, checked, intact, go, answers_ready, idle;
  logic [7:0] read_data;
  logic read_valid, read_ready;
  assign infer        = waiting[31:24] == link_pkg::INFER && waiting[7:0] == link_pkg::OK;
  assign run          = PIECES != 0 && waiting[31:24] == link_pkg::RUN && waiting[7:0] == link_pkg::OK;
  assign ready        = waiting_valid && state_q == S_WAIT && idle && answers_ready;
  // The byte that the network has not taken yet is another input's.
  assign check        = ready && run && !read_valid;
  assign checked      = state_q == S_CHECK && idle && !read_valid;
  assign go           = (ready && !run) || checked;
  assign release_slot = state_q == S_PLAY ? idle : go && !infer && !(run && intact);

  logic [7:0] store_data;
  logic [15:0] store_address;
  logic [PLACE_BITS-1:0] store_place;
  logic store_valid;
  link_buffer #(
      .BYTES(BYTES),
      .SLOTS(PLACES)
  ) u_buffer (
      .clk,
      .rst,
      .write_data(store_data),
      .write_address(store_address),
      .write_slot(store_place),
      .write_valid(store_valid),
      .play((go && (infer || (run && intact))) || check),
      .play_slot(run ? PLACE_BITS'(SLOTS) : PLACE_BITS'(play_slot_q)),
      .idle,
      .out_data(read_data),
      .out_valid(read_valid),
      .out_ready(read_ready)
  );
  assign net_data  = read_data;
  assign net_valid = read_valid && state_q != S_CHECK;

  if (PIECES != 0) begin : g_pieces
    logic [7:0] copy_data;
    logic [15:0] copy_address;
    logic copy_valid, check_ready, run_taken, run_done, run_q, accepted;
    logic [31:0] checksum, payload_q, expected_q;
    assign accepted = code == link_pkg::OK;
    link_piece u_piece (
        .clk,
        .rst,
        .write_data,
        .write_address,
        .write_valid,
        .take(take && accepted && kind == link_pkg::PIECE),
        .copy_data,
        .copy_address,
        .copy_valid
    );

    link_check u_check (
        .clk,
        .start(check),
        .in_data(read_data),
        .in_valid(read_valid && state_q == S_CHECK),
        .in_ready(check_ready),
        .checksum
    );

    // From a RUN's arrival until its input has been read nothing else is written there, and no other RUN is taken.
    assign shut      = run_q && accepted && (kind == link_pkg::PIECE || kind == link_pkg::RUN);
    assign run_taken = take && accepted && kind == link_pkg::RUN;
    assign run_done  = release_slot && run;
    always_ff @(posedge clk) begin
      if (write_valid) payload_q <= {write_data, payload_q[31:8]};
      if (run_taken) expected_q <= payload_q;
      if (rst) run_q <= 1'b0;
      else if (run_taken) run_q <= 1'b1;
      else if (run_done) run_q <= 1'b0;
    end

    assign intact        = checksum == expected_q;
    assign read_ready    = state_q == S_CHECK ? check_ready : net_ready;
    assign store_data    = copy_valid ? copy_data : write_data;
    assign store_address = copy_valid ? copy_address : write_address;
    assign store_place   = copy_valid ? PLACE_BITS'(SLOTS) : PLACE_BITS'(write_slot_q);
    assign store_valid   = copy_valid || (write_valid && room && !full_q);
  end else begin : g_no_pieces
    assign shut          = 1'b0;
    assign intact        = 1'b0;
    assign read_ready    = net_ready;
    assign store_data    = write_data;
    assign store_address = write_address;
    assign store_place   = write_slot_q;
    assign store_valid   = write_valid && room && !full_q;
  end

  link_queue #(
      .WIDTH(32),
      .DEPTH(SLOTS)
  ) u_answers (
      .clk,
      .rst,
      .in_data  ({waiting[31:8], run && !intact ? link_pkg::INCOMPLETE : waiting[7:0]}),
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
      state_q      <= S_WAIT;
    end else begin
      full_q <= full && !judged;
      if (take) write_slot_q <= write_slot_q + SLOT_BITS'(1);
      if (release_slot) play_slot_q <= play_slot_q + SLOT_BITS'(1);
      if (check) state_q <= S_CHECK;
      else if (release_slot) state_q <= S_WAIT;
      else if (go) state_q <= S_PLAY;
    end
  end
endmodule
