"""`holdfast check`: every node of a QONNX file, what becomes of it, and what to do where it has no hardware."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from flows.compile.input_map import InputMap, guess, write_with_pixels
from flows.compile.read.network import survey
from flows.compile.read.reader import Finding


@dataclass(frozen=True)
class Survey:
    """`findings`: one a node, in order; `whole`: why the network as a whole has no circuit, empty where it has;
    `mapping`: how pixels are taken, `guessed` where nobody said."""

    findings: list[Finding]
    whole: str
    mapping: InputMap
    guessed: bool

    @property
    def maps(self) -> bool:
        return not self.whole and not any(finding.error for finding in self.findings)

    def input_line(self) -> str:
        """In words, how the pixels become the network's numbers."""
        meaning = {
            InputMap.CODES: "pixel codes 0..255 as they are",
            InputMap.UNIT: "code / 255, which lies in [0, 1]",
            InputMap.SYMMETRIC: "2 * code / 255 - 1, which lies in [-1, 1]",
        }[self.mapping]
        said = "guessed; say --input unit, symmetric or codes if it was trained otherwise" if self.guessed else "given"
        return f"input: {meaning} ({said})"


def examine(model: Path, mapping: InputMap | None) -> Survey:
    """Raises FlowError for a file that is no QONNX file of one input and one output."""
    chosen = mapping or guess(model)
    with tempfile.TemporaryDirectory() as folder:
        pixels = Path(folder) / "model.onnx"
        write_with_pixels(model, pixels, chosen)
        findings, whole = survey(pixels)
    return Survey(findings, whole, chosen, mapping is None)


def survey_table(found: Survey) -> Table:
    """One row a node: name, kind, operator that computes it, reason and remedy where there is none."""
    table = Table("node", "kind", "becomes", "reason", "remedy", title="how the network maps", title_justify="left")
    for finding in found.findings:
        error = finding.error
        words = (error.reason, error.remedy) if error else ("", "")
        table.add_row(finding.name, finding.kind, finding.role, *words, style="red" if error else None)
    return table
