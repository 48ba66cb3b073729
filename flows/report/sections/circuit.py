"""Section 5: cycles and resources, per operator and in sum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from flows.report.colours import css, operator_rgb
from flows.report.record import Record
from flows.report.run_files import RunFiles

#: Resources of an ECP5-like device and how the page calls them.
KINDS = {"lut4": "LUT4", "ff": "flip-flops", "ebr": "block RAMs", "dsp": "multipliers"}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of `circuit.json`. `estimate`: before synthesis, keys of KINDS; `folding`, `output`: texts."""

    name: str
    kind: str
    cycles: int
    folding: str
    output: str
    estimate: dict[str, int]


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one operator took on the device. `colour`: CSS, the same as on the floor plan."""

    name: str
    resources: dict[str, int]
    colour: str


@dataclass(frozen=True, slots=True)
class Bitstream:
    """`used`, `available`: keys of KINDS. `path`: relative to the run folder."""

    board: str
    device: str
    used: dict[str, int]
    available: dict[str, int]
    slices: int | None
    fmax_mhz: float
    clock_mhz: float
    path: str
    bytes: int | None
    idcode: str
    ops: tuple[Mapped, ...]
    seconds: dict[str, float]

    @property
    def timing_met(self) -> bool:
        return self.fmax_mhz >= self.clock_mhz

    def of(self, name: str) -> dict[str, int] | None:
        return next((op.resources for op in self.ops if op.name == name), None)


@dataclass(frozen=True, slots=True)
class Circuit:
    """Cycles: per frame at a steady rate, the bound no schedule can beat, and first pixel to last score."""

    clock_mhz: float
    cycles: int
    bound: int
    latency: int | None
    frames: int | None
    ops: tuple[Operator, ...]


def view(run: RunFiles) -> Circuit | None:
    """What `circuit.json` says; None where the stage has not run. Raises FlowError for a malformed record."""
    record = run.get("circuit")
    if record is None:
        return None
    return Circuit(
        record.number("clock_mhz", 1e-6),
        record.integer("cycles_per_frame", 1),
        record.integer("cycles_per_frame_bound", 1),
        record.integer("latency_cycles") if record.has("latency_cycles") else None,
        record.integer("frames") if record.has("frames") else None,
        tuple(_operator(op) for op in record.children("ops")),
    )


def bitstream(run: RunFiles) -> Bitstream | None:
    """What `bitstream.json` says; None where the stage has not run. Raises FlowError for a malformed record."""
    record = run.get("bitstream")
    if record is None:
        return None
    file = record.text("bitstream")
    if not file or PurePosixPath(file).name != file or "\\" in file:
        raise record.wrong("bitstream", "the name of a file beside it", file)
    times = record.child("seconds") if record.has("seconds") else None
    ops = enumerate(record.children("ops"))
    return Bitstream(
        record.text("board"),
        record.text("device"),
        _resources(record),
        _resources(record.child("available")),
        record.integer("slices") if record.has("slices") else None,
        record.number("fmax_mhz", 1e-6),
        record.number("clock_mhz", 1e-6),
        f"bitstream/{file}",
        record.integer("bytes") if record.has("bytes") else None,
        record.text("idcode") if record.has("idcode") else "",
        tuple(Mapped(op.text("name"), _resources(op), css(operator_rgb(index))) for index, op in ops),
        {key: times.number(key) for key in times.value} if times else {},
    )


def clock_mhz(circuit: Circuit | None, built: Bitstream | None) -> float | None:
    """The clock that frames per second are counted with: the board's, before there is one the compiled one."""
    return built.clock_mhz if built else circuit.clock_mhz if circuit else None


def frames_per_second(circuit: Circuit | None, built: Bitstream | None) -> float | None:
    """Clock over cycles per frame."""
    return clock_mhz(circuit, built) * 1e6 / circuit.cycles if circuit else None


def _resources(record: Record) -> dict[str, int]:
    return {kind: record.integer(kind) for kind in KINDS}


def _operator(record: Record) -> Operator:
    folding = record.child("folding") if record.has("folding") else None
    output = record.child("output")
    sizes = output.items("shape")
    shape = " × ".join(str(sizes.integer(axis, 1)) for axis in range(len(sizes.value)))
    return Operator(
        record.text("name"),
        record.text("kind"),
        record.integer("cycles"),
        ", ".join(f"{key} {folding.scalar(key)}" for key in folding.value) if folding else "",
        f"{shape} {output.text('dtype')}, {output.integer('parallel', 1)} a beat",
        _resources(record.child("estimate")) if record.has("estimate") else {},
    )
