"""FINN's own RTL (finn-rtllib of the finn-plus package) behind our stream ports, for the driver that runs ours."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from onnx import helper

from flows.netlist.cells import LINT_OFF
from flows.netlist.probe import Probe
from hw.op import Op
from hw.ops.pad.pad import Pad
from hw.ops.threshold.threshold import Threshold
from hw.ops.window.window import Window

WRAPPER = """module finn_stream (
    input logic clk, rst, in_valid, out_ready,
    input logic [{input}:0] in_data,
    output logic in_ready, out_valid,
    output logic [{output}:0] out_data
);
  logic [{wide_input}:0] wide_in;
  logic [{wide_output}:0] wide_out;
  assign wide_in = {wide_input_bits}'(in_data);
  assign out_data = wide_out[{output}:0];
{body}
endmodule
"""


def library() -> Path:
    spec = find_spec("finn")
    return Path(spec.submodule_search_locations[0]) / "finn-rtllib"


def circuit(op: Op, body: str, files: dict[str, str], *, bytes_wide: bool) -> Probe:
    """`bytes_wide`: FINN's ports are whole bytes."""
    widths = {"input": op.input.width, "output": op.output.width}
    wide = {f"wide_{side}": -(-bits // 8) * 8 if bytes_wide else bits for side, bits in widths.items()}
    text = WRAPPER.format(
        **{name: bits - 1 for name, bits in (widths | wide).items()}, wide_input_bits=wide["wide_input"], body=body
    )
    return Probe("finn", op.input, op.output, (op,), files | {"finn.sv": text, "netlist.vlt": waived(files)})


def waived(files: dict[str, str]) -> str:
    rules = ("MULTIDRIVEN", "INITIALDLY", "ASSIGNDLY")
    return LINT_OFF + "".join(f'lint_off -rule {rule} -file "*"\n' for rule in rules)


def read(*names: str) -> dict[str, str]:
    return {Path(name).name: (library() / name).read_text() for name in names}


def padding(op: Pad) -> Probe:
    """FINN pads with zeros only."""
    (height, width, channels), (top, left, bottom, right) = op.shape, op.pads
    numbers = {"NUM_CHANNELS": channels, "SIMD": op.parallel, "ELEM_BITS": op.dtype.bits}
    numbers |= {"XCOUNTER_BITS": 8, "YCOUNTER_BITS": 8}
    for axis, before, size, behind in (("X", left, width, right), ("Y", top, height, bottom)):
        numbers |= {f"INIT_{axis}ON": before, f"INIT_{axis}OFF": before + size}
        numbers |= {f"INIT_{axis}END": before + size + behind - 1}
    body = f"""  fmpadding #({_parameters(numbers)}) finn (
      .ap_clk(clk), .ap_rst_n(!rst), .we(1'b0), .wa(5'b0), .wd(32'b0),
      .s_axis_tready(in_ready), .s_axis_tvalid(in_valid), .s_axis_tdata(wide_in),
      .m_axis_tready(out_ready), .m_axis_tvalid(out_valid), .m_axis_tdata(wide_out));"""
    return circuit(op, body, read("fmpadding/hdl/fmpadding.sv"), bytes_wide=True)


def thresholding(op: Threshold) -> Probe:
    """FINN counts from `BIAS` in steps of one. Its memories hold a binary search: stage s the 2**s middles of the
    intervals that are left, for each channel of a lane."""
    channels, count = op.thresholds.shape
    stages, files = count.bit_length(), read("thresholding/hdl/thresholding.sv")
    padded = np.concatenate([op.thresholds, np.zeros((channels, 2**stages - 1 - count), np.int64)], axis=1)
    digits = (op.input_type.bits + 3) // 4
    for lane in range(op.pe):
        for stage in range(stages):
            middles = [(2 * i + 1) * 2 ** (stages - 1 - stage) - 1 for i in range(2**stage)]
            words = padded[lane :: op.pe][:, middles].reshape(-1) & (1 << op.input_type.bits) - 1
            files[f"threshs_{lane}_{stage}.dat"] = "".join(f"{word:0{digits}x}\n" for word in words)
    numbers = {"K": op.input_type.bits, "N": count, "C": channels, "PE": op.pe, "USE_CONFIG": 0}
    numbers |= {"SIGNED": int(op.input_type.signed), "BIAS": op.start}
    body = f"""  logic unused;
  logic [{op.input_type.bits - 1}:0] unused_q;
  thresholding #({_parameters(numbers)}, .THRESHOLDS_PATH("./")) finn (
      .clk, .rst, .cfg_en(1'b0), .cfg_we(1'b0), .cfg_a('0), .cfg_d('0), .cfg_rack(unused), .cfg_q(unused_q),
      .irdy(in_ready), .ivld(in_valid), .iset(1'b0), .idat(wide_in),
      .ordy(out_ready), .ovld(out_valid), .odat(wide_out));"""
    return circuit(op, body, files, bytes_wide=False)


def sliding_window(op: Window, folder: Path) -> Probe:
    """The parameters are those of FINN's own generator."""
    from finn.custom_op.fpgadataflow.rtl.convolutioninputgenerator_rtl import ConvolutionInputGenerator_rtl

    node = helper.make_node(
        "ConvolutionInputGenerator_rtl",
        ["x"],
        ["y"],
        domain="finn.custom_op.fpgadataflow.rtl",
        name="window",
        ConvKernelDim=op.kernel,
        IFMChannels=op.shape[2],
        IFMDim=op.shape[:2],
        OFMDim=[axis.count for axis in op.axes],
        SIMD=op.parallel,
        Stride=op.stride,
        Dilation=op.dilation,
        inputDataType=op.dtype.name,
        outputDataType=op.dtype.name,
        depthwise=int(op.depthwise),
        code_gen_dir_ipgen=str(folder),
    )
    ConvolutionInputGenerator_rtl(node).generate_hdl(None, None, None)
    made = {path.name: path.read_text() for path in folder.iterdir() if path.suffix in (".v", ".sv")}
    # In the order of Verilator's command line, a package comes before what imports it.
    common = read("swg/swg_pkg.sv", "swg/swg_common.sv")
    files = {"a_package.v": common["swg_pkg.sv"], "b_common.v": common["swg_common.sv"]} | made
    body = """  window finn (
      .ap_clk(clk), .ap_rst_n(!rst), .in0_V_TDATA(wide_in), .in0_V_TVALID(in_valid), .in0_V_TREADY(in_ready),
      .out0_V_TDATA(wide_out), .out0_V_TVALID(out_valid), .out0_V_TREADY(out_ready));"""
    return circuit(op, body, files, bytes_wide=True)


def _parameters(numbers: dict[str, int]) -> str:
    return ", ".join(f".{name}({value})" for name, value in numbers.items())
