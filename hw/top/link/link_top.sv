/// The host link: request frames come in on a UART, run through the network's streams, answers go out.
///
/// One request at a time: from the end of a request to the last byte of its answer, incoming bytes are ignored.
/// A payload reaches the network only after its frame has passed the checksum. Byte layout: README.md.
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
    /// What INFO answers: names the circuit that was built.
    parameter logic [31:0] NETWORK_ID = 32'd0,
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

    /// A request is being answered.
    output logic                 busy,
    /// The last request was refused.
    output logic                 refused,
    /// Low byte of the last output element: the label, where the network sends one.
    output logic [          7:0] last_element
);
  if (OUTPUT_WORDS < 1 || OUTPUT_WORDS > 16383) $fatal(1, "link_top: OUTPUT_WORDS must be 1 to 16383");
  if (TIMEOUT_BYTES < 2) $fatal(1, "link_top: TIMEOUT_BYTES must be at least 2");

  localparam logic [63:0] INFO_BYTES = {16'(OUTPUT_WORDS), 16'(INPUT_BYTES), NETWORK_ID};

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

  logic [15:0] write_address;
  logic [7:0] write_data, request_kind, request_code;
  logic write_valid, request_valid, done;
  link_frame_rx #(
      .INPUT_BYTES(INPUT_BYTES),
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
      .request_valid,
      .request_ready(done),
      .request_kind,
      .request_code
  );

  logic active_q, refused_q;
  logic [7:0] element_q;
  logic start_ready, start, accepted;
  // What is being answered is an accepted INFER or INFO: registers, because whole streams hang on them.
  logic infer_q, info_q;
  assign start        = request_valid && !active_q && start_ready;
  assign accepted     = request_code == link_pkg::OK;
  assign busy         = active_q;
  assign refused      = refused_q;
  assign last_element = element_q;

  link_buffer #(.BYTES(INPUT_BYTES)) u_buffer (
      .clk,
      .rst,
      .write_data,
      .write_address,
      .write_valid,
      .play(start && accepted && request_kind == link_pkg::INFER),
      .out_data(net_in_data),
      .out_valid(net_in_valid),
      .out_ready(net_in_ready)
  );

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

  logic [15:0] answer_length;
  logic [7:0] answer_kind, payload_data;
  logic [2:0] info_index_q;
  logic payload_valid, payload_ready;
  always_comb begin
    answer_kind = accepted ? request_kind | link_pkg::ANSWER : link_pkg::ERROR;
    if (!accepted) answer_length = 16'd1;
    else if (request_kind == link_pkg::INFER) answer_length = 16'(4 * OUTPUT_WORDS);
    else if (request_kind == link_pkg::INFO) answer_length = 16'd8;
    else answer_length = 16'd0;

    payload_valid = infer_q ? words_valid : 1'b1;
    payload_data  = infer_q ? words_data : info_q ? INFO_BYTES[8*info_index_q+:8] : request_code;
  end
  assign words_ready = payload_ready && infer_q;

  logic [7:0] tx_data;
  logic tx_valid, tx_ready;
  link_frame_tx u_frame_tx (
      .clk,
      .rst,
      .start_valid (start),
      .start_ready,
      .start_kind  (answer_kind),
      .start_length(answer_length),
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
      active_q  <= 1'b0;
      refused_q <= 1'b0;
      element_q <= '0;
      info_index_q <= '0;
      infer_q <= 1'b0;
      info_q <= 1'b0;
    end else begin
      if (start) active_q <= 1'b1;
      if (done) active_q <= 1'b0;
      if (start || done) begin
        infer_q <= start && accepted && request_kind == link_pkg::INFER;
        info_q  <= start && accepted && request_kind == link_pkg::INFO;
      end
      if (start) refused_q <= !accepted;
      if (net_out_valid && net_out_ready) element_q <= 8'(net_out_data);
      if (start) info_index_q <= '0;
      else if (payload_ready) info_index_q <= info_index_q + 3'd1;
    end
  end
endmodule
