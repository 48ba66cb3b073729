"""What a run directory holds: which stages are there, and their JSON files, each read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.errors import FlowError
from flows.report.record import Record, read_json

#: Stages in order and what each one gives the reader of the page.
STAGES = {
    "data": "the images",
    "train": "the networks",
    "attack": "accuracy under attack and the audit",
    "export": "the exchange graph",
    "compile": "the integer dataflow",
    "circuit": "the circuit and its cycles",
    "verify": "the proof that all of them agree",
    "bitstream": "resources, clock and floor plan",
    "netlist": "the proof for the gates",
    "hil": "the attack through the circuit",
}


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The stage records that exist. `folder`: the run directory; `records`: stage -> its `<stage>.json`."""

    folder: Path
    records: dict[str, Record]
    missing: tuple[str, ...]

    def get(self, stage: str) -> Record | None:
        return self.records.get(stage)


#: The stages whose record is read; of the others only the folder is looked for.
READ = ("attack", "circuit", "verify", "bitstream", "netlist", "hil")


def open_run(folder: Path) -> RunFiles:
    """Reads the stage JSONs of a run directory.

    A stage without a folder has not run yet and is listed in `missing`. Raises FlowError where the directory does
    not exist or a stage's folder lacks a readable record.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FlowError(f"expected a run directory, got {folder.name!r}, which is none; start with a run")
    there = [stage for stage in STAGES if (folder / stage).is_dir()]
    records = {stage: read_json(folder, f"{stage}/{stage}.json") for stage in there if stage in READ}
    return RunFiles(folder, records, tuple(stage for stage in STAGES if stage not in there))
