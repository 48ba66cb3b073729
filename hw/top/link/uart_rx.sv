/// UART receiver: 8 data bits, least significant first, no parity, one stop bit; sampled in the middle of each bit.
module uart_rx #(
    /// Clock cycles per bit, at least 4.
    parameter int CLOCKS_PER_BIT = 25
) (
    input  logic       clk,
    /// Synchronous, active high.
    input  logic       rst,
    /// The line, high when idle; asynchronous to `clk`.
    input  logic       rxd,

    output logic [7:0] out_data,
    /// High for one cycle per byte; there is no back pressure.
    output logic       out_valid,
    /// With `out_valid`: the stop bit was low, the byte is not to be trusted.
    output logic       out_error
);
  if (CLOCKS_PER_BIT < 4) $fatal(1, "uart_rx: CLOCKS_PER_BIT must be at least 4");

  localparam int BITS = $clog2(CLOCKS_PER_BIT);
  // The start bit is seen two cycles late (synchronizer), which the first wait gives back.
  localparam int HALF = CLOCKS_PER_BIT / 2 > 2 ? CLOCKS_PER_BIT / 2 - 2 : 0;
  localparam logic [3:0] STOP = 4'd9;

  logic [2:0] line_q;
  logic [BITS-1:0] wait_q;
  logic [3:0] bit_q;
  logic [7:0] data_q;
  logic busy_q, valid_q, error_q;

  logic line, sample;
  assign line      = line_q[1];
  assign sample    = busy_q && wait_q == '0;
  assign out_data  = data_q;
  assign out_valid = valid_q;
  assign out_error = error_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      line_q  <= '1;
      wait_q  <= '0;
      bit_q   <= '0;
      busy_q  <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      line_q  <= {line_q[1:0], rxd};
      valid_q <= sample && bit_q == STOP;
      if (!busy_q) begin
        wait_q <= BITS'(HALF);
        bit_q  <= '0;
        // A falling edge, not a low level: a line held low is no endless row of bytes.
        busy_q <= line_q[2] && !line;
      end else if (!sample) begin
        wait_q <= wait_q - BITS'(1);
      end else begin
        wait_q <= BITS'(CLOCKS_PER_BIT - 1);
        bit_q  <= bit_q + 4'd1;
        // A start bit that is gone by its middle was a glitch.
        if (bit_q == STOP || (bit_q == '0 && line)) busy_q <= 1'b0;
      end
    end
  end

  // `valid_q` guards these.
  always_ff @(posedge clk) begin
    if (sample && bit_q != '0 && bit_q != STOP) data_q <= {line, data_q[7:1]};
    if (sample) error_q <= !line;
  end
endmodule
