/// UART transmitter: 8 data bits, least significant first, no parity, one stop bit.
module uart_tx #(
    /// Clock cycles per bit, at least 4.
    parameter int CLOCKS_PER_BIT = 25
) (
    input  logic       clk,
    /// Synchronous, active high; the line goes idle at once.
    input  logic       rst,

    input  logic [7:0] in_data,
    input  logic       in_valid,
    output logic       in_ready,

    /// The line, high when idle.
    output logic       txd
);
  if (CLOCKS_PER_BIT < 4) $fatal(1, "uart_tx: CLOCKS_PER_BIT must be at least 4");

  localparam int BITS = $clog2(CLOCKS_PER_BIT);

  logic [BITS-1:0] wait_q;
  logic [3:0] left_q;
  logic [8:0] shift_q;
  logic txd_q;

  logic last;
  assign last     = wait_q == BITS'(CLOCKS_PER_BIT - 1);
  assign in_ready = left_q == '0;
  assign txd      = txd_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      wait_q  <= '0;
      left_q  <= '0;
      shift_q <= '1;
      txd_q   <= 1'b1;
    end else if (in_ready) begin
      wait_q <= '0;
      if (in_valid) begin
        shift_q <= {1'b1, in_data};
        txd_q   <= 1'b0;
        left_q  <= 4'd10;
      end
    end else if (last) begin
      wait_q  <= '0;
      left_q  <= left_q - 4'd1;
      txd_q   <= shift_q[0];
      shift_q <= {1'b1, shift_q[8:1]};
    end else begin
      wait_q <= wait_q + BITS'(1);
    end
  end
endmodule
