/// small_stream: the whole dataflow, one frame after the other from `in` to `out`.
///
/// in:  6 INT6, 3 per beat
/// out: 7 INT6, 1 per beat
module small_stream (
    input  logic clk,
    /// Synchronous, active high; returns every operator to its initial state.
    input  logic rst,

    input  logic [17:0] in_data,
    input  logic in_valid,
    output logic in_ready,

    output logic [5:0] out_data,
    output logic out_valid,
    input  logic out_ready
);
  // 6 INT6, 3 per beat
  logic [17:0] s0_data;
  logic s0_valid, s0_ready;

  // 6 INT6, 1 per beat
  logic [5:0] s1_data;
  logic s1_valid, s1_ready;

  // 6 INT6, 1 per beat
  logic [5:0] s2_data;
  logic s2_valid, s2_ready;

  // 7 INT6, 1 per beat
  logic [5:0] s3_data;
  logic s3_valid, s3_ready;

  assign s0_data  = in_data;
  assign s0_valid = in_valid;
  assign in_ready = s0_ready;

  width_converter #(
      .IN_WIDTH(18),
      .OUT_WIDTH(6)
  ) u_narrow (
      .clk,
      .rst,
      .in_data  (s0_data),
      .in_valid (s0_valid),
      .in_ready (s0_ready),
      .out_data (s1_data),
      .out_valid(s1_valid),
      .out_ready(s1_ready)
  );

  fifo #(
      .WIDTH(6),
      .DEPTH(4),
      .BLOCK(0)
  ) u_wait (
      .clk,
      .rst,
      .in_data  (s1_data),
      .in_valid (s1_valid),
      .in_ready (s1_ready),
      .out_data (s2_data),
      .out_valid(s2_valid),
      .out_ready(s2_ready)
  );

  argmax #(
      .CLASSES(6),
      .IN_BITS(6),
      .SIGNED(1),
      .OUT_BITS(6),
      .EMIT_SCORES(1)
  ) u_argmax0 (
      .clk,
      .rst,
      .in_data  (s2_data),
      .in_valid (s2_valid),
      .in_ready (s2_ready),
      .out_data (s3_data),
      .out_valid(s3_valid),
      .out_ready(s3_ready)
  );

  assign out_data  = s3_data;
  assign out_valid = s3_valid;
  assign s3_ready = out_ready;
endmodule
