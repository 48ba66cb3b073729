"""A placed network's operators are compared with their estimates, set by set."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.resources import HELD_OUT, placed, summarize, table
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo


def test_errors_are_those_of_what_was_placed(tmp_path: Path) -> None:
    dtype = IntType.parse("INT8")
    dataflow = Dataflow("net", (Fifo("buffer", (10,), dtype, 1, 4), Argmax("label", 10, dtype, True)))
    dataflow.save(tmp_path)
    used = [{"name": op.name, **asdict(op.resources())} for op in dataflow.ops]
    used[0]["lut4"] *= 2
    used[1]["ebr"] += 1
    (tmp_path / "bitstream").mkdir()
    (tmp_path / "bitstream" / "bitstream.json").write_text(json.dumps({"ops": used}))
    rows = list(placed(tmp_path))
    assert [(row["group"], row["kind"]) for row in rows] == [(HELD_OUT, "fifo"), (HELD_OUT, "argmax")]
    assert rows[0]["error"] == {"lut4": -0.5, "ff": 0.0, "ebr": 0, "dsp": 0}
    assert rows[1]["error"] == {"lut4": 0.0, "ff": 0.0, "ebr": -1, "dsp": 0}
    summary = summarize(rows)
    assert summary["lut4"]["median"] == 0.25 and summary["lut4"]["worst"] == -0.5
    assert summary["ebr"] == {"wrong_rows": 1, "sum_of_errors": -1, "measured": 1}
    assert "| `argmax` | 1 | 0.0%, +0.0% | 0.0%, +0.0% | 0 for 1 | 0 for 0 |" in table(rows)
