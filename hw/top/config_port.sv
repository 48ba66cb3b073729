/// Lets numbers of a network be rewritten between two frames, never within one.
///
/// An update is a packet of words, the last one marked by cfg_last. Once its first word is offered no new frame is let
/// in; the words are taken when every frame inside has left; frames come in again when the last word is written. So a
/// frame is computed either with all numbers as they were before the packet, or with all numbers after it.
///
/// In front of the network's input stream, whose data goes by unchanged; the output stream is only watched.
module config_port #(
    /// Beats of a frame at the network's input and output.
    parameter int IN_BEATS = 1,
    parameter int OUT_BEATS = 1
) (
    input  logic        clk,
    /// Synchronous, active high; ends a packet that is under way, keeps what has been written.
    input  logic        rst,

    input  logic        in_valid,
    output logic        in_ready,
    output logic        net_valid,
    input  logic        net_ready,

    input  logic        out_valid,
    input  logic        out_ready,

    input  logic        cfg_valid,
    output logic        cfg_ready,
    input  logic        cfg_last,
    input  logic [23:0] cfg_address,
    input  logic [31:0] cfg_data,

    /// To every operator that can be written.
    output logic        write,
    output logic [23:0] write_address,
    output logic [31:0] write_data
);
  if (IN_BEATS < 1 || OUT_BEATS < 1) $fatal(1, "config_port: IN_BEATS and OUT_BEATS must be at least 1");

  localparam int IN_BITS = IN_BEATS > 1 ? $clog2(IN_BEATS) : 1;
  localparam int OUT_BITS = OUT_BEATS > 1 ? $clog2(OUT_BEATS) : 1;
  localparam int COUNT_BITS = 8;  // of frames inside; one more than fits waits outside

  logic closed_q, empty_q, open_packet_q;
  assign in_ready  = net_ready && !closed_q;
  assign net_valid = in_valid && !closed_q;
  assign cfg_ready = closed_q && empty_q;

  // Where both streams stand in their frames; a frame is inside from its first beat in to its last beat out.
  logic [IN_BITS-1:0] in_beat_q;
  logic [OUT_BITS-1:0] out_beat_q;
  logic [COUNT_BITS-1:0] inside_q, inside_d;
  logic take, give, enter, leave, in_last, between;
  assign take    = net_valid && net_ready;
  assign give    = out_valid && out_ready;
  assign in_last = in_beat_q == IN_BITS'(IN_BEATS - 1);
  assign enter   = take && in_beat_q == '0;
  assign leave   = give && out_beat_q == OUT_BITS'(OUT_BEATS - 1);
  assign between = take ? in_last : in_beat_q == '0;
  assign inside_d = enter == leave ? inside_q : enter ? inside_q + COUNT_BITS'(1) : inside_q - COUNT_BITS'(1);

  logic accept, pending;
  assign accept  = cfg_valid && cfg_ready;
  assign pending = cfg_valid || open_packet_q;
  always_ff @(posedge clk) begin
    if (rst) begin
      closed_q   <= 1'b0;
      empty_q    <= 1'b1;
      in_beat_q  <= '0;
      out_beat_q <= '0;
      inside_q   <= '0;
      write      <= 1'b0;
      open_packet_q <= 1'b0;
    end else begin
      if (take) in_beat_q <= in_last ? '0 : in_beat_q + IN_BITS'(1);
      if (give) out_beat_q <= leave ? '0 : out_beat_q + OUT_BITS'(1);
      inside_q <= inside_d;
      empty_q  <= inside_d == '0;
      // A beat that has been offered stays offered until it is taken.
      closed_q <= between && (!net_valid || net_ready) && (pending || inside_d == '1);
      write    <= accept;
      if (accept) open_packet_q <= !cfg_last;
    end
    if (accept) begin
      write_address <= cfg_address;
      write_data    <= cfg_data;
    end
  end
endmodule
