"""The ladder in the terminal names the place of a divergence."""

from __future__ import annotations

import io

from rich.console import Console

from flows.verify.table import describe, ladder_table


def test_describe() -> None:
    divergence = {"image": 3, "operator": "act_conv0", "channel": 2, "pixel": [1, 4], "expected": 2, "got": 3}
    assert describe(divergence) == "image 3, act_conv0, channel 2, pixel (1, 4): expected 2, got 3"
    assert describe(divergence | {"pixel": []}) == "image 3, act_conv0, channel 2: expected 2, got 3"
    assert describe(None) == "none"


def test_the_table_counts_every_rung() -> None:
    rung = {"rung": "rtl", "engine": "Verilator", "images": 7, "adversarial": 2, "mismatches": 1, "excused": []}
    record = {"rungs": [rung | {"first_divergence": None}], "clean": {"accuracy": 0.985, "images": 100}}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(ladder_table(record))
    text = console.export_text()
    assert "Verilator" in text and "98.50 % of 100 clean test images right" in text
