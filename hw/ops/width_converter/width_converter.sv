/// Changes how many bits travel in a beat; the order of the bits stays, the first ones lowest.
///
/// Widening gathers OUT_WIDTH / IN_WIDTH beats in a shift register, narrowing sends IN_WIDTH / OUT_WIDTH slices of one
/// beat. The wide side moves whenever it can, so that the narrow side never pauses by itself.
module width_converter #(
    /// Bits of an input beat; a multiple or a divisor of OUT_WIDTH.
    parameter int IN_WIDTH = 8,
    /// Bits of an output beat.
    parameter int OUT_WIDTH = 8
) (
    input  logic                 clk,
    /// Synchronous, active high; drops the bits held.
    input  logic                 rst,

    input  logic [ IN_WIDTH-1:0] in_data,
    input  logic                 in_valid,
    output logic                 in_ready,

    output logic [OUT_WIDTH-1:0] out_data,
    output logic                 out_valid,
    input  logic                 out_ready
);
  if (IN_WIDTH < 1 || OUT_WIDTH < 1) $fatal(1, "width_converter: widths must be at least 1");
  if (IN_WIDTH % OUT_WIDTH != 0 && OUT_WIDTH % IN_WIDTH != 0)
    $fatal(1, "width_converter: one width must be a multiple of the other");

  localparam int WIDE = IN_WIDTH > OUT_WIDTH ? IN_WIDTH : OUT_WIDTH;
  localparam int NARROW = IN_WIDTH > OUT_WIDTH ? OUT_WIDTH : IN_WIDTH;
  localparam int RATIO = WIDE / NARROW;

  logic [WIDE-1:0] data_q;
  logic valid_q, free;
  assign free = !valid_q || out_ready;
  assign out_valid = valid_q;
  assign out_data = data_q[OUT_WIDTH-1:0];

  if (RATIO == 1) begin : gen_same
    assign in_ready = free;

    always_ff @(posedge clk) begin
      if (rst) valid_q <= 1'b0;
      else if (free) valid_q <= in_valid;
      if (free) data_q <= in_data;
    end
  end else begin : gen_convert
    localparam int COUNT_BITS = $clog2(RATIO);
    logic [COUNT_BITS-1:0] count_q;

    if (OUT_WIDTH > IN_WIDTH) begin : gen_widen
      logic last;
      assign last = count_q == COUNT_BITS'(RATIO - 1);
      assign in_ready = free;

      always_ff @(posedge clk) begin
        if (rst) begin
          valid_q <= 1'b0;
          count_q <= '0;
        end else if (free) begin
          valid_q <= in_valid && last;
          if (in_valid) count_q <= last ? '0 : count_q + COUNT_BITS'(1);
        end
        if (free && in_valid) data_q <= {in_data, data_q[WIDE-1:NARROW]};
      end
    end else begin : gen_narrow
      // No slice is left behind the one at the output; a register, because all data bits hang on it.
      logic reload_q;
      assign in_ready = free && reload_q;

      always_ff @(posedge clk) begin
        if (rst) begin
          valid_q  <= 1'b0;
          reload_q <= 1'b1;
          count_q  <= '0;
        end else if (free) begin
          if (reload_q) begin
            valid_q  <= in_valid;
            reload_q <= !in_valid;
            count_q  <= COUNT_BITS'(RATIO - 1);
          end else begin
            reload_q <= count_q == COUNT_BITS'(1);
            count_q  <= count_q - COUNT_BITS'(1);
          end
        end
        if (free) data_q <= reload_q ? in_data : {data_q[NARROW-1:0], data_q[WIDE-1:NARROW]};
      end
    end
  end
endmodule
