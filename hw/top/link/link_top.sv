/// The host link: request frames come in on a UART, run through the network's streams, answers go out.
///
/// Up to SLOTS requests may be on their way: the next are received while earlier ones are computed and answered, in
/// order. An input reaches the network only after its frame has passed the checksum. Byte layout: README.md.
module link_top #(
    /// Clock cycles per UART bit, at least 4.
    parameter int CLOCKS_PER_BIT = 25,
    /// Bytes of one input frame, 1 to 65535.
    parameter int INPUT_BYTES = 64,
    /// Elements of one output frame, 1 to 16383.
    parameter int OUTPUT_WORDS = 11,
    /// Bits of one output element: 1 to 32 signed, 1 to 31 unsigned.
    parameter int OUT_WIDTH = 32,
    /// Whether output elements are two's complement.
    parameter bit OUT_SIGNED = 1,
    /// 1: the network has a configuration port.
    parameter int WRITABLE = 0,
    /// 1: inputs may come in pieces.
    parameter int PIECES = 0,
    /// Requests on their way at once, a power of two, at least 2.
    parameter int SLOTS = 4,
    /// Bytes of HELLO's answer, 1 to 255.
    parameter int HELLO_BYTES = 1,
    /// What HELLO answers, first byte lowest: names the circuit that was built.
    parameter logic [8*HELLO_BYTES-1:0] HELLO = '0,
    /// Silence inside a frame, in byte times of the UART, after which it counts as cut short.
    parameter int TIMEOUT_BYTES = 2048
) (
    input  logic                 clk,
    /// Synchronous, active high.
    input  logic                 rst,

    input  logic                 rxd,
    output logic                 txd,

    /// To the network: one byte a beat.
    output logic [          7:0] net_in_data,
    output logic                 net_in_valid,
    input  logic                 net_in_ready,

    /// From the network: one element a beat.
    input  logic [OUT_WIDTH-1:0] net_out_data,
    input  logic                 net_out_valid,
    output logic                 net_out_ready,

    /// To the network's configuration port, where it has one.
    output logic                 cfg_valid,
    input  logic                 cfg_ready,
    output logic                 cfg_last,
    output logic [         23:0] cfg_address,
    output logic [         31:0] cfg_data,

    /// A request is being answered.
    output logic                 busy,
    /// The last request was refused.
    output logic                 refused,
    /// Low byte of the last output element: the label, where the network sends one.
    output logic [          7:0] last_element
);
  if (OUTPUT_WORDS < 1 || OUTPUT_WORDS > 16383) $fatal(1, "link_top: OUTPUT_WORDS must be 1 to 16383");
  if (TIMEOUT_BYTES < 2) $fatal(1, "link_top: TIMEOUT_BYTES must be at least 2");
  if (HELLO_BYTES < 1 || HELLO_BYTES > 255) $fatal(1, "link_top: HELLO_BYTES must be 1 to 255");

  logic [7:0] byte_data;
  logic byte_valid, byte_error;
  uart_rx #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) u_uart_rx (
      .clk,
      .rst,
      .rxd,
      .out_data (byte_data),
      .out_valid(byte_valid),
      .out_error(byte_error)
  );

  logic [15:0] write_address, request_sequence;
  logic [7:0] write_data, request_kind, request_code;
  logic write_valid, judged;
  link_frame_rx #(
      .INPUT_BYTES(INPUT_BYTES),
      .WRITABLE(WRITABLE),
      .PIECES(PIECES),
      .TIMEOUT_CLOCKS(TIMEOUT_BYTES * 10 * CLOCKS_PER_BIT)
  ) u_frame_rx (
      .clk,
      .rst,
      .in_data(byte_data),
      .in_valid(byte_valid),
      .in_error(byte_error),
      .write_data,
      .write_address,
      .write_valid,
      .judged,
      .kind(request_kind),
      .sequence_number(request_sequence),
      .code(request_code)
  );

  // An update's word goes by the requests that wait: it must not stand behind an INFER that waits for the update's end.
  logic word, word_full, dropped;
  assign word = request_kind == link_pkg::THRESHOLDS && request_code == link_pkg::OK;
  if (WRITABLE != 0) begin : g_update
    link_update u_update (
        .clk,
        .rst,
        .write_data,
        .write_valid,
        .take(judged && word && !dropped),
        .full(word_full),
        .cfg_valid,
        .cfg_ready,
        .cfg_last,
        .cfg_address,
        .cfg_data
    );
  end else begin : g_no_update
    logic unused;
    assign unused      = cfg_ready;
    assign word_full   = 1'b0;
    assign cfg_valid   = 1'b0;
    assign cfg_last    = 1'b0;
    assign cfg_address = '0;
    assign cfg_data    = '0;
  end

  logic [15:0] sequence_number;
  logic [7:0] kind, code;
  logic answer_valid, start_ready, done;
  link_requests #(
      .BYTES(INPUT_BYTES),
      .SLOTS(SLOTS),
      .PIECES(PIECES)
  ) u_requests (
      .clk,
      .rst,
      .write_data,
      .write_address,
      .write_valid,
      .judged,
      .kind(request_kind),
      .sequence_number(request_sequence),
      .code(request_code),
      .busy(word && word_full),
      .dropped,
      .net_data(net_in_data),
      .net_valid(net_in_valid),
      .net_ready(net_in_ready),
      .answer_kind(kind),
      .answer_sequence(sequence_number),
      .answer_code(code),
      .answer_valid,
      .answer_ready(done)
  );

  logic start, accepted, infer;
  assign start    = answer_valid && start_ready;
  assign accepted = code == link_pkg::OK;
  assign infer    = kind == link_pkg::INFER || (PIECES != 0 && kind == link_pkg::RUN);

  // What is being answered, in registers, because whole streams hang on it.
  logic infer_q, hello_q, counters_q, refused_q;
  logic [15:0] answer_length_q;
  logic [7:0] answer_kind_q, code_q, element_q, index_q;
  assign busy         = answer_valid;
  assign refused      = refused_q;
  assign last_element = element_q;

  logic [7:0] words_data;
  logic words_valid, words_ready, words_in_ready;
  link_words #(
      .WIDTH (OUT_WIDTH),
      .SIGNED(OUT_SIGNED)
  ) u_words (
      .clk,
      .rst,
      .in_data  (net_out_data),
      .in_valid (net_out_valid && infer_q),
      .in_ready (words_in_ready),
      .out_data (words_data),
      .out_valid(words_valid),
      .out_ready(words_ready)
  );
  assign net_out_ready = words_in_ready && infer_q;

  logic [7:0] count_data, hello_data_q, payload_data;
  logic payload_valid, payload_ready;
  link_counters u_counters (
      .clk,
      .rst,
      .judged,
      .code(dropped ? link_pkg::OVERRUN : request_code),
      .stop_bit_missing(byte_valid && byte_error),
      .address(index_q[4:0]),
      .read(payload_ready),
      .data(count_data)
  );

  // A byte takes at least 40 cycles on the line: the next one has long been read.
  always_ff @(posedge clk) hello_data_q <= HELLO[8*index_q+:8];

  assign payload_valid = !infer_q || words_valid;
  always_comb begin
    if (infer_q) payload_data = words_data;
    else if (hello_q) payload_data = hello_data_q;
    else if (counters_q) payload_data = count_data;
    else payload_data = code_q;
  end
  assign words_ready = payload_ready && infer_q;

  logic [7:0] tx_data;
  logic tx_valid, tx_ready;
  link_frame_tx u_frame_tx (
      .clk,
      .rst,
      .start_valid (answer_valid),
      .start_ready,
      .start_kind  (answer_kind_q),
      .start_sequence(sequence_number),
      .start_length(answer_length_q),
      .in_data     (payload_data),
      .in_valid    (payload_valid),
      .in_ready    (payload_ready),
      .out_data    (tx_data),
      .out_valid   (tx_valid),
      .out_ready   (tx_ready),
      .done
  );

  uart_tx #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) u_uart_tx (
      .clk,
      .rst,
      .in_data (tx_data),
      .in_valid(tx_valid),
      .in_ready(tx_ready),
      .txd
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      infer_q   <= 1'b0;
      refused_q <= 1'b0;
      element_q <= '0;
      index_q   <= '0;
    end else begin
      if (start || done) infer_q <= start && accepted && infer;
      if (start) refused_q <= !accepted;
      if (net_out_valid && net_out_ready) element_q <= 8'(net_out_data);
      if (start) index_q <= '0;
      else if (payload_ready) index_q <= index_q + 8'd1;
    end
  end

  // Taken as an answer starts, used from the next cycle on.
  always_ff @(posedge clk) begin
    if (start) begin
      hello_q       <= accepted && kind == link_pkg::HELLO;
      counters_q    <= accepted && kind == link_pkg::COUNTERS;
      code_q        <= code;
      answer_kind_q <= accepted ? kind | link_pkg::ANSWER : link_pkg::ERROR;
      if (!accepted) answer_length_q <= 16'd1;
      else if (infer) answer_length_q <= 16'(4 * OUTPUT_WORDS);
      else if (kind == link_pkg::HELLO) answer_length_q <= 16'(HELLO_BYTES);
      else if (kind == link_pkg::COUNTERS) answer_length_q <= 16'(link_pkg::COUNTER_BYTES);
      else answer_length_q <= 16'd0;
    end
  end
endmodule
