/// tiny_stream on colorlight_i5 (LFE5U-25F): clock, reset, host link, network, LEDs.
///
/// LEDs, the highest first, as far as there are any: heartbeat, a request is being answered (held for 1/8 heartbeat),
/// the last request was refused, the last label (5 bits).
module board_top #(
    /// Clock cycles per bit of the UART: 25.0 MHz, 115200 baud.
    parameter int CLOCKS_PER_BIT = 217,
    /// Silence after which a request counts as cut short, in byte times.
    parameter int TIMEOUT_BYTES = 2048
) (
    /// 25.0 MHz.
    input  logic clk25,
    /// Reset while low.
    input  logic reset_n,
    /// From the host.
    input  logic uart_rx,
    /// To the host.
    output logic uart_tx,
    output logic led_n
);
  logic clk, locked;
  assign clk    = clk25;
  assign locked = 1'b1;

  // Flip-flops start at zero after configuration: reset is held for 31 cycles of a locked clock.
  logic [4:0] power_q = '0;
  logic [1:0] locked_q = '0;
  logic [1:0] button_q = '0;
  logic rst_q = 1'b1;
  always_ff @(posedge clk) begin
    locked_q <= {locked_q[0], locked};
    button_q <= {button_q[0], !reset_n};
    if (!locked_q[1]) power_q <= '0;
    else if (power_q != '1) power_q <= power_q + 5'd1;
    rst_q <= power_q != '1 || button_q[1];
  end

  logic [7:0] in_data;
  logic in_valid, in_ready;
  logic [7:0] out_data;
  logic out_valid, out_ready;
  logic [7:0] last_element;
  logic busy, refused;
  logic cfg_valid, cfg_ready, cfg_last;
  logic [23:0] cfg_address;
  logic [31:0] cfg_data;
  assign cfg_ready = 1'b0;

  link_top #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
      .INPUT_BYTES(4),
      .OUTPUT_WORDS(4),
      .OUT_WIDTH(8),
      .OUT_SIGNED(1'b0),
      .WRITABLE(0),
      .PIECES(0),
      .SLOTS(4),
      .HELLO_BYTES(34),
      .HELLO(272'h<hello>),
      .TIMEOUT_BYTES(TIMEOUT_BYTES)
  ) u_link (
      .clk,
      .rst(rst_q),
      .rxd(uart_rx),
      .txd(uart_tx),
      .net_in_data(in_data),
      .net_in_valid(in_valid),
      .net_in_ready(in_ready),
      .net_out_data(out_data),
      .net_out_valid(out_valid),
      .net_out_ready(out_ready),
      .cfg_valid,
      .cfg_ready,
      .cfg_last,
      .cfg_address,
      .cfg_data,
      .busy,
      .refused,
      .last_element
  );

  tiny_stream u_network (
      .clk,
      .rst(rst_q),
      .in_data,
      .in_valid,
      .in_ready,
      .out_data,
      .out_valid,
      .out_ready
  );

  logic [23:0] beat_q = '0;
  logic [20:0] hold_q = '0;
  always_ff @(posedge clk) begin
    beat_q <= beat_q + 24'd1;
    if (busy) hold_q <= '1;
    else if (hold_q != '0) hold_q <= hold_q - 21'd1;
  end

  logic [7:0] status;
  assign status = {beat_q[23], hold_q != '0, refused, last_element[4:0]};
  assign led_n = ~status[7];
endmodule
