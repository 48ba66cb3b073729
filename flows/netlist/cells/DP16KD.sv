/// Block RAM of the ECP5: 1024 words of 18 bits; two ports of 1, 2, 4, 9 or 18 bits each, or port A writing 36 bits and
/// port B reading up to 36 (Lattice FPGA-TN-02204, ECP5 and ECP5-5G Memory Usage Guide).
///
/// Pins and initial words are bundled into vectors: `ADA` holds ADA13 to ADA0, `INITVAL` holds INITVAL_3F to INITVAL_00.
/// A port of 9 bits or more sees bytes of nine bits, a narrower one the lower eight of each. What the guide leaves
/// undefined, reading a word that the other port writes in the same cycle, or one that it overlaps where their widths
/// differ, gives the word's complement here.
module DP16KD #(
    parameter int DATA_WIDTH_A = 18,
    parameter int DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter GSR = "ENABLED",
    parameter logic [64*320-1:0] INITVAL = '0
) (
    input logic CLKA, CEA, OCEA, WEA, RSTA,
    input logic [2:0] CSA,
    input logic [13:0] ADA,
    input logic [17:0] DIA,
    output logic [17:0] DOA,
    input logic CLKB, CEB, OCEB, WEB, RSTB,
    input logic [2:0] CSB,
    input logic [13:0] ADB,
    input logic [17:0] DIB,
    output logic [17:0] DOB
);
  if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $error("DP16KD: expected no output register");
  if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") $error("DP16KD: expected a block selected by 000");
  if (DATA_WIDTH_B == 36 && DATA_WIDTH_A != 36) $error("DP16KD: expected port A to write 36 bits where B reads them");

  localparam bit PSEUDO = DATA_WIDTH_A == 36;  // all data pins in belong to port A
  localparam bit WIDE = DATA_WIDTH_B == 36;  // all data pins out belong to port B

  logic [17:0] words[1024];
  // An initial word holds 16 words of 18 bits, each in 20.
  initial for (int i = 0; i < 1024; i++) words[i] = INITVAL[i*20+:18];

  wire clock_a = CLKA ^ (CLKAMUX == "INV");
  wire clock_b = CLKB ^ (CLKBMUX == "INV");
  wire enable_a = CEA && CSA == 3'b000;
  wire enable_b = CEB && CSB == 3'b000;
  wire write_a = enable_a && WEA && !(RESETMODE == "SYNC" && RSTA);
  wire write_b = enable_b && WEB && !PSEUDO && !(RESETMODE == "SYNC" && RSTB);

  /// What a port of `width` bits sees at `address` of the pair of words around it.
  function automatic logic [35:0] see(int width, logic [13:0] address, logic [35:0] pair);
    logic [17:0] word = address[4] ? pair[35:18] : pair[17:0];
    logic [8:0] part = address[3] ? word[17:9] : word[8:0];
    case (width)
      36: return pair;
      18: return 36'(word);
      9: return 36'(part);
      4: return 36'(address[2] ? part[7:4] : part[3:0]);
      2: return 36'(part[{address[2:1], 1'b0}+:2]);
      default: return 36'(part[4'(address[2:0])]);
    endcase
  endfunction

  /// The pair of words after `data` was written at `address`; ports of 18 and 36 bits choose bytes by its low bits.
  function automatic logic [35:0] put(int width, logic [13:0] address, logic [35:0] pair, logic [35:0] data);
    logic [35:0] result = pair;
    int word = address[4] ? 18 : 0, part = word + (address[3] ? 9 : 0);
    case (width)
      36: for (int i = 0; i < 4; i++) if (address[i]) result[i*9+:9] = data[i*9+:9];
      18: for (int i = 0; i < 2; i++) if (address[i]) result[word+i*9+:9] = data[i*9+:9];
      9: result[part+:9] = data[8:0];
      4: result[part+4*int'(address[2])+:4] = data[3:0];
      2: result[part+2*int'(address[2:1])+:2] = data[1:0];
      default: result[part+int'(address[2:0])] = data[0];
    endcase
    return result;
  endfunction

  wire [8:0] pair_a = ADA[13:5], pair_b = ADB[13:5];
  wire [35:0] held_a = {words[{pair_a, 1'b1}], words[{pair_a, 1'b0}]};
  wire [35:0] held_b = {words[{pair_b, 1'b1}], words[{pair_b, 1'b0}]};
  wire [35:0] next_a = put(DATA_WIDTH_A, ADA, held_a, {DIB, DIA});
  wire [35:0] next_b = put(DATA_WIDTH_B, ADB, held_b, {18'b0, DIB});
  /// Address bits within a word of `width` bits.
  function automatic int offset_bits(int width);
    return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : width == 9 ? 3 : width == 18 ? 4 : 5;
  endfunction
  localparam int WIDER = offset_bits(DATA_WIDTH_A > DATA_WIDTH_B ? DATA_WIDTH_A : DATA_WIDTH_B);
  wire meet = ADA[13:WIDER] == ADB[13:WIDER];
  // A port that writes no byte disturbs nobody: synthesis ties WE high and lets the bytes decide.
  wire some_a = DATA_WIDTH_A == 36 ? ADA[3:0] != 0 : DATA_WIDTH_A != 18 || ADA[1:0] != 0;
  wire some_b = DATA_WIDTH_B != 18 || ADB[1:0] != 0;

  always @(posedge clock_a) if (write_a) {words[{pair_a, 1'b1}], words[{pair_a, 1'b0}]} <= next_a;
  always @(posedge clock_b) if (write_b) {words[{pair_b, 1'b1}], words[{pair_b, 1'b0}]} <= next_b;

  logic [35:0] out_a = '0, out_b = '0;
  always @(posedge clock_a) begin
    if (RESETMODE == "SYNC" && RSTA) out_a <= '0;
    else if (enable_a && write_b && some_b && meet) out_a <= ~see(DATA_WIDTH_A, ADA, held_a);
    else if (enable_a && !write_a) out_a <= see(DATA_WIDTH_A, ADA, held_a);
    else if (enable_a && WRITEMODE_A == "READBEFOREWRITE") out_a <= see(DATA_WIDTH_A, ADA, held_a);
    else if (enable_a && WRITEMODE_A == "WRITETHROUGH") out_a <= see(DATA_WIDTH_A, ADA, next_a);
  end
  always @(posedge clock_b) begin
    if (RESETMODE == "SYNC" && RSTB) out_b <= '0;
    else if (enable_b && write_a && some_a && meet) out_b <= ~see(DATA_WIDTH_B, ADB, held_b);
    else if (enable_b && !write_b) out_b <= see(DATA_WIDTH_B, ADB, held_b);
    else if (enable_b && WRITEMODE_B == "READBEFOREWRITE") out_b <= see(DATA_WIDTH_B, ADB, held_b);
    else if (enable_b && WRITEMODE_B == "WRITETHROUGH") out_b <= see(DATA_WIDTH_B, ADB, next_b);
  end

  wire clear_a = RESETMODE == "ASYNC" && RSTA, clear_b = RESETMODE == "ASYNC" && RSTB;
  wire [35:0] seen_a = clear_a ? '0 : out_a, seen_b = clear_b ? '0 : out_b;
  assign DOA = WIDE ? seen_b[17:0] : seen_a[17:0];
  assign DOB = WIDE ? seen_b[35:18] : seen_b[17:0];
endmodule
