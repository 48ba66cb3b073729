/// Words of an update: the payload of each THRESHOLDS request is one word for the network's configuration port.
///
/// Payload, first byte first: data (4 bytes), address (3), and one byte whose lowest bit marks the update's last word.
module link_update (
    input  logic        clk,
    /// Synchronous, active high; forgets the word held.
    input  logic        rst,

    /// Payload bytes as they come, whatever becomes of their frame.
    input  logic [ 7:0] write_data,
    input  logic        write_valid,
    /// High for one cycle, not while `full`: the last eight bytes are a word that is to be written.
    input  logic        take,
    /// The word before waits for the frames inside the network.
    output logic        full,

    output logic        cfg_valid,
    input  logic        cfg_ready,
    output logic        cfg_last,
    output logic [23:0] cfg_address,
    output logic [31:0] cfg_data
);
  logic [63:0] payload_q;
  logic valid_q, unused;
  assign full      = valid_q;
  assign cfg_valid = valid_q;
  assign unused    = &payload_q[63:57];

  always_ff @(posedge clk) begin
    if (write_valid) payload_q <= {write_data, payload_q[63:8]};
    if (take) {cfg_last, cfg_address, cfg_data} <= payload_q[56:0];
    if (rst) valid_q <= 1'b0;
    else if (take) valid_q <= 1'b1;
    else if (cfg_ready) valid_q <= 1'b0;
  end
endmodule
