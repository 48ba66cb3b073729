"""A netlist with one of its inner streams led out, so that the ordinary driver can read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hw.dataflow import Dataflow
from hw.op import Op
from hw.stream import Stream
from hw.top.stitch import stream_signals, top_module

NETLIST = "netlist.v"
WRAPPER = """module {top} (
    input wire clk, rst, in_valid, out_ready,
    input wire [{input}:0] in_data,
    output wire in_ready, out_valid,
    output wire [{output}:0] out_data
);
  // What the circuit emits is always taken: beats of the inner stream are read as they pass, and cannot be held up.
  {top}_gates gates (.clk, .rst, .in_data, .in_valid, .in_ready, .out_data(), .out_valid(), .out_ready(1'b1));
  assign out_data = gates.{data};
  assign out_valid = gates.{valid} & gates.{ready};
endmodule
"""


@dataclass(frozen=True)
class Probe:
    """Stands where a `Dataflow` does in `build` and `Simulator`: its output is the probed stream."""

    name: str
    input: Stream
    output: Stream
    ops: tuple[Op, ...]
    files: Mapping[str, str]

    @property
    def streams(self) -> dict[str, Stream]:
        return {}


def probe(dataflow: Dataflow, stream: str, files: Mapping[str, str]) -> Probe | None:
    """The netlist `files` (with `netlist.v` in it) with `stream` as its output; None where synthesis took it apart.

    Only for batches without stalls on the output.
    """
    valid, ready = stream_signals(dataflow)[stream]
    data = valid.replace("valid", "data")
    if any(f" {wire} = " not in files[NETLIST] for wire in (data, valid, ready)):
        return None
    given, top = dataflow.streams[stream], top_module(dataflow)
    name = f"{dataflow.name}_{stream.replace('.', '_')}_probe"
    text = files[NETLIST].replace(f"module {top} (", f"module {name}_stream_gates (", 1)
    wrapper = WRAPPER.format(
        top=f"{name}_stream",
        input=dataflow.input.width - 1,
        output=given.width - 1,
        data=data,
        valid=valid,
        ready=ready,
    )
    return Probe(name, dataflow.input, given, dataflow.ops, {**files, NETLIST: text, "probe.sv": wrapper})
