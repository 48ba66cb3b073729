"""Section 4: the ladder of executions that must agree on every integer."""

from __future__ import annotations

from dataclasses import dataclass

from flows.report.record import Record
from flows.report.run_files import RunFiles

#: Rungs in order and what runs there, in plain words.
RUNGS = {
    "brevitas": "the trained network",
    "qonnx": "the exported graph",
    "golden": "the integer dataflow as standard ONNX",
    "finn": "FINN's hardware graph",
    "rtl": "the generated SystemVerilog, cycle by cycle",
    "netlist": "the mapped netlist after synthesis",
    "routed": "the placed and routed netlist",
    "board": "the bitstream on the board",
}
EXPECTED = ("brevitas", "qonnx", "golden", "finn", "rtl", "netlist", "routed")
CIRCUIT = "rtl"


@dataclass(frozen=True, slots=True)
class Rung:
    """`images`: compared, of which `adversarial` are adversarial; `mismatches`: images whose integers differ;
    `excused`: disagreements shown to be the reference's rounding, each name -> text; `divergence`: a sentence."""

    name: str
    what: str
    engine: str
    images: int
    adversarial: int
    mismatches: int
    excused: tuple[dict[str, str], ...]
    seconds: float
    divergence: str


@dataclass(frozen=True, slots=True)
class Exactness:
    """`rungs`: those that were climbed; `unavailable`: name -> why this network has no such rung."""

    rungs: tuple[Rung, ...]
    unavailable: dict[str, str]

    @property
    def mismatches(self) -> int:
        return sum(rung.mismatches for rung in self.rungs)

    @property
    def excused(self) -> int:
        return sum(len(rung.excused) for rung in self.rungs)

    @property
    def not_run(self) -> tuple[str, ...]:
        there = {rung.name for rung in self.rungs} | self.unavailable.keys()
        return tuple(name for name in EXPECTED if name not in there)

    @property
    def judged(self) -> Rung | None:
        """The rung whose image count is the headline: the circuit's, or the one that saw the fewest."""
        circuit = next((rung for rung in self.rungs if rung.name == CIRCUIT), None)
        return circuit or min(self.rungs, key=lambda rung: rung.images, default=None)


def view(run: RunFiles) -> Exactness | None:
    """What `verify.json` and `netlist.json` say; None where the first stage has not run. Raises FlowError for a
    malformed record."""
    record = run.get("verify")
    if record is None:
        return None
    gates = run.get("netlist")
    records = [rung for one in (record, gates) if one is not None for rung in one.children("rungs")]
    names = [rung.text("rung") for rung in records]
    for name in names:
        if names.count(name) > 1:
            raise record.wrong("rungs", "one entry per rung", f"{name!r} {names.count(name)} times")
    missing = {rung.text("rung"): rung.text("unavailable") for rung in records if rung.has("unavailable")}
    return Exactness(tuple(_rung(rung) for rung in records if not rung.has("unavailable")), missing)


def _rung(record: Record) -> Rung:
    name = record.text("rung")
    excused = record.items("excused")
    cases = [excused.child(index) for index in range(len(excused.value))]
    return Rung(
        name,
        RUNGS.get(name, ""),
        record.text("engine"),
        record.integer("images"),
        record.integer("adversarial"),
        record.integer("mismatches"),
        tuple({key: case.scalar(key) for key in case.value} for case in cases),
        record.number("seconds"),
        _divergence(record.child("first_divergence")) if record.has("first_divergence") else "",
    )


def _divergence(record: Record) -> str:
    place = f"image {record.integer('image')}, operator {record.text('operator')}"
    for key in ("channel", "pixel"):
        if record.has(key) and record.raw(key) != []:
            place += f", {key} {record.scalar(key)}"
    against = f" (against {record.text('against')})" if record.has("against") else ""
    return f"{place}: expected {record.scalar('expected')}, got {record.scalar('got')}{against}"
