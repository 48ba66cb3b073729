/// Counts requests by verdict, and bytes without a stop bit; each counter stays at its largest value.
module link_counters (
    input  logic       clk,
    /// Synchronous, active high; all counters to zero.
    input  logic       rst,

    input  logic       judged,
    input  logic [7:0] code,
    input  logic       stop_bit_missing,

    /// Byte 0 to COUNTER_BYTES - 1, least significant of each counter first; `data` follows one cycle later. With `read`
    /// the byte is taken: both bytes of a counter are of the same moment.
    input  logic [4:0] address,
    input  logic       read,
    output logic [7:0] data
);
  localparam int COUNTERS = link_pkg::COUNTED_CODES + 1;

  logic [15:0] counts_q[COUNTERS];
  logic [15:0] count_q;
  logic [7:0] high_q;

  assign data = address[0] ? high_q : count_q[7:0];

  always_ff @(posedge clk) begin
    for (int i = 0; i < COUNTERS; i++) begin
      if (rst) counts_q[i] <= '0;
      else if ((i < link_pkg::COUNTED_CODES ? judged && code == 8'(i) : stop_bit_missing) && counts_q[i] != '1)
        counts_q[i] <= counts_q[i] + 16'd1;
    end
    count_q <= counts_q[address[4:1]];
    if (read && !address[0]) high_q <= count_q[15:8];
  end
endmodule
