/// Index of the largest score of a frame, the lowest one on ties; the scores themselves may go ahead of it.
///
/// `in_ready`, `out_data` and `out_valid` come from registers: an argmax cuts every combinational path of its stream.
module argmax #(
    /// Scores per frame, one per beat; at least 2.
    parameter int CLASSES = 2,
    /// Bits of a score.
    parameter int IN_BITS = 8,
    /// 1: two's complement, 0: unsigned.
    parameter int SIGNED = 1,
    /// Bits of an output element; holds CLASSES - 1 and, where scores are sent, every score.
    parameter int OUT_BITS = 8,
    /// 1: a frame is its scores, then the index; 0: the index only.
    parameter int EMIT_SCORES = 1
) (
    input  logic                clk,
    /// Synchronous, active high; the next beat is the first score of a frame.
    input  logic                rst,

    input  logic [ IN_BITS-1:0] in_data,
    input  logic                in_valid,
    output logic                in_ready,

    output logic [OUT_BITS-1:0] out_data,
    output logic                out_valid,
    input  logic                out_ready
);
  localparam int INDEX_BITS = $clog2(CLASSES);
  // A signed element keeps its highest bit for the sign.
  localparam int NEEDED_BITS = INDEX_BITS + (SIGNED != 0 && EMIT_SCORES != 0 ? 1 : 0);

  if (CLASSES < 2) $fatal(1, "argmax: CLASSES must be at least 2");
  if (IN_BITS < 1 || IN_BITS > 48) $fatal(1, "argmax: IN_BITS must be 1 to 48");
  if ((SIGNED != 0 && SIGNED != 1) || (EMIT_SCORES != 0 && EMIT_SCORES != 1))
    $fatal(1, "argmax: SIGNED and EMIT_SCORES must be 0 or 1");
  if (OUT_BITS < NEEDED_BITS) $fatal(1, "argmax: OUT_BITS must hold the index");
  if (EMIT_SCORES != 0 && OUT_BITS < IN_BITS) $fatal(1, "argmax: OUT_BITS must hold a score");

  logic [INDEX_BITS-1:0] index_q, best_index_q, best_index;
  logic [IN_BITS-1:0] best_q;
  logic [OUT_BITS-1:0] out_q;
  logic valid_q;

  logic first, last, step, greater, better;
  assign first = index_q == '0;
  assign last = index_q == INDEX_BITS'(CLASSES - 1);
  assign step = in_valid && in_ready;
  if (SIGNED != 0) begin : gen_signed
    assign greater = $signed(in_data) > $signed(best_q);
  end else begin : gen_unsigned
    assign greater = in_data > best_q;
  end
  assign better = first || greater;
  assign best_index = better ? index_q : best_index_q;
  assign out_valid = valid_q;
  assign out_data = out_q;

  always_ff @(posedge clk) begin
    if (rst) index_q <= '0;
    else if (step) index_q <= last ? '0 : index_q + INDEX_BITS'(1);
    if (step) best_index_q <= best_index;
    if (step && better) best_q <= in_data;
  end

  if (EMIT_SCORES != 0) begin : gen_scores
    // All scores are read and the index has not gone on its way yet.
    logic owing_q;
    // Takes the element that comes while the output waits.
    logic [OUT_BITS-1:0] spare_q;
    logic spare_valid_q;

    logic [OUT_BITS-1:0] score, element;
    logic free, push;
    if (SIGNED != 0) begin : gen_extend
      assign score = OUT_BITS'($signed(in_data));
    end else begin : gen_fill
      assign score = OUT_BITS'(in_data);
    end
    assign in_ready = !spare_valid_q && !owing_q;
    assign push = !spare_valid_q && (owing_q || in_valid);
    assign element = owing_q ? OUT_BITS'(best_index_q) : score;
    assign free = !valid_q || out_ready;

    always_ff @(posedge clk) begin
      if (rst) begin
        owing_q <= 1'b0;
        valid_q <= 1'b0;
        spare_valid_q <= 1'b0;
      end else begin
        if (push) owing_q <= !owing_q && last;
        if (free) valid_q <= spare_valid_q || push;
        spare_valid_q <= !free && (spare_valid_q || push);
      end
      if (free) out_q <= spare_valid_q ? spare_q : element;
      if (!spare_valid_q) spare_q <= element;
    end
  end else begin : gen_index
    // With at least two scores a frame, an index that is taken at once holds nothing up.
    assign in_ready = !valid_q || !last;

    always_ff @(posedge clk) begin
      if (rst) valid_q <= 1'b0;
      else valid_q <= step && last || valid_q && !out_ready;
      if (step && last) out_q <= OUT_BITS'(best_index);
    end
  end
endmodule
