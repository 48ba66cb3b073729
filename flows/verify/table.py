"""The ladder as a table for the terminal."""

from __future__ import annotations

from rich.table import Table


def ladder_table(record: dict) -> Table:
    """`record`: of `verify.json` (docs/architecture.md); one row a rung, the first divergence spelled out."""
    table = Table("rung", "engine", title="exactness ladder", title_justify="left")
    for column in ("images", "adversarial", "mismatches", "excused"):
        table.add_column(column, justify="right")
    table.add_column("first divergence")
    for rung in record["rungs"]:
        if reason := rung.get("unavailable"):
            table.add_row(rung["rung"], rung["engine"], *["-"] * 4, f"not available: {reason}")
            continue
        numbers = (rung["images"], rung["adversarial"], rung["mismatches"], len(rung["excused"]))
        table.add_row(rung["rung"], rung["engine"], *map(str, numbers), describe(rung["first_divergence"]))
    if clean := record.get("clean"):
        table.caption = f"golden model: {100 * clean['accuracy']:.2f} % of {clean['images']:,} clean test images right"
        table.caption_justify = "left"
    return table


def describe(divergence: dict | None) -> str:
    """`image 3, act_conv0, channel 2, pixel (1, 4): expected 2, got 3`, or `none`."""
    if divergence is None:
        return "none"
    pixel = f", pixel ({', '.join(map(str, divergence['pixel']))})" if divergence["pixel"] else ""
    return (
        f"image {divergence['image']}, {divergence['operator']}, channel {divergence['channel']}{pixel}: "
        f"expected {divergence['expected']}, got {divergence['got']}"
    )
