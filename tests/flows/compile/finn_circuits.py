"""One operator as FINN generates it in RTL, behind our stream ports, for the driver that runs our own circuits."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.amd.sources import write_sources
from flows.compile.quiet import quiet
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
  // FINN's streams are whole bytes wide.
  logic [{wide_output}:0] wide_out;
  assign out_data = wide_out[{output}:0];
  // FINN's padding offers the border of a frame that does not come: ours, and the driver, wait for its first beat.
  int taken, given;
  logic open, valid;
  assign open = taken > given / {beats_out} * {beats_in};
  assign out_valid = valid && open;
  always_ff @(posedge clk) begin
    if (rst) begin
      taken <= 0;
      given <= 0;
    end else begin
      taken <= taken + int'(in_valid && in_ready);
      given <= given + int'(out_valid && out_ready);
    end
  end
  unit finn (
      .ap_clk(clk), .ap_rst_n(!rst),
      .in0_V_TDATA({wide_input}'(in_data)), .in0_V_TVALID(in_valid), .in0_V_TREADY(in_ready),
      .out0_V_TDATA(wide_out), .out0_V_TVALID(valid), .out0_V_TREADY(out_ready && open));
endmodule
"""
#: Beside style: a slice of a loop's bound, two blocks on one variable, delayed assignments where none is needed.
WAIVED = ("SELRANGE", "MULTIDRIVEN", "INITIALDLY", "ASSIGNDLY", "COMBDLY")
PART, CLOCK_NS = "xc7z020clg400-1", 10.0


def finn_circuit(op: Op, folder: Path) -> Probe:
    """FINN's RTL for `op`, generated into `folder`. Raises FlowError where FINN cannot."""
    with quiet():
        written = write_sources(_model(op), folder, PART, CLOCK_NS)["unit"]
    # In the order of elaboration, and all of one language: Verilator gets the files sorted by their names.
    sources = {f"{i:02}_{Path(name).stem}.sv": (folder / name).read_text() for i, name in enumerate(written["files"])}
    memories = {path.name: path.read_text() for path in (folder / "unit").glob("*.dat")}
    numbers = {"beats_in": op.input.beats, "beats_out": op.output.beats}
    for side, width in (("input", op.input.width), ("output", op.output.width)):
        numbers |= {side: width - 1, f"wide_{side}": -(-width // 8) * 8 - (side == "output")}
    waived = LINT_OFF + "".join(f'lint_off -rule {rule} -file "*"\n' for rule in WAIVED)
    files = sources | memories | {"99_stream.sv": WRAPPER.format(**numbers), "waived.vlt": waived}
    return Probe("finn", op.input, op.output, (op,), files)


@singledispatch
def _attributes(op: Op) -> dict[str, object]:
    raise TypeError(f"no FINN node for {op.kind}")


@_attributes.register
def _(op: Pad) -> dict[str, object]:
    names = {"op_type": "FMPadding_rtl", "ImgDim": op.shape[:2], "Padding": op.pads, "SIMD": op.parallel}
    return names | {"NumChannels": op.shape[2]}


@_attributes.register
def _(op: Threshold) -> dict[str, object]:
    names = {"op_type": "Thresholding_rtl", "PE": op.pe, "NumChannels": op.shape[-1], "ActVal": op.start}
    names |= {"numSteps": op.thresholds.shape[1], "weightDataType": op.input_type.name}
    return names | {"outputDataType": op.output_type.name, "numInputVectors": (1, *op.shape[:-1])}


@_attributes.register
def _(op: Window) -> dict[str, object]:
    names = {"op_type": "ConvolutionInputGenerator_rtl", "ConvKernelDim": op.kernel, "IFMChannels": op.shape[2]}
    names |= {"IFMDim": op.shape[:2], "OFMDim": [axis.count for axis in op.axes], "SIMD": op.parallel}
    names |= {"Stride": op.stride, "Dilation": op.dilation, "depthwise": int(op.depthwise)}
    return names | {"outputDataType": op.output.dtype.name}


def _model(op: Op) -> ModelWrapper:
    """A graph of that node alone."""
    values = {"x": (op.input, op.input.dtype), "y": (op.output, op.output.dtype)}
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *stream.shape))
        for name, (stream, _) in values.items()
    ]
    tables = {"thresholds": op.thresholds.astype(np.float32)} if isinstance(op, Threshold) else {}
    attributes = _attributes(op) | {"inputDataType": op.input.dtype.name, "backend": "fpgadataflow"}
    node = helper.make_node(
        attributes.pop("op_type"), ["x", *tables], ["y"], "unit", domain="finn.custom_op.fpgadataflow.rtl", **attributes
    )
    model = ModelWrapper(helper.make_model(helper.make_graph([node], "one", infos[:1], infos[1:])))
    for name, table in tables.items():
        model.set_initializer(name, table)
        model.set_tensor_datatype(name, DataType[op.input.dtype.name])
    for name, (_, dtype) in values.items():
        model.set_tensor_datatype(name, DataType[dtype.name])
    return model
