"""What a campaign found: accuracy with its interval per target, attack and budget, and the worst case per image."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from flows.attack.criteria import wilson
from flows.campaign.store import connect

_CLEAN = """
SELECT target, count(*) FILTER (right_one), count(*) FROM (
  SELECT target, image, any_value(clean_prediction = label) AS right_one FROM read_parquet(?) GROUP BY target, image)
GROUP BY target ORDER BY target"""
_CELLS = """
SELECT target, attack, norm, epsilon, count(*) FILTER (NOT success), count(*), sum(queries)::BIGINT
FROM read_parquet(?) GROUP BY target, attack, norm, epsilon ORDER BY target, attack, norm, epsilon"""
# An image found with a smaller budget lies within a larger one too.
_WORST = """
WITH results AS (SELECT target, norm, epsilon, image, success FROM read_parquet(?)),
budgets AS (SELECT DISTINCT target, norm, epsilon FROM results),
images AS (
  SELECT target, norm, budgets.epsilon AS epsilon, image, bool_or(success) AS fooled
  FROM budgets JOIN results USING (target, norm) WHERE results.epsilon <= budgets.epsilon
  GROUP BY target, norm, budgets.epsilon, image)
SELECT target, norm, epsilon, count(*) FILTER (NOT fooled), count(*)
FROM images GROUP BY target, norm, epsilon ORDER BY target, norm, epsilon"""


def summarize(results: Path) -> dict[str, list[dict[str, object]]]:
    """`results.parquet` -> `clean` (per target), `attacks` (per target, attack, budget) and `worst_case` (per target
    and budget: images that no attack with this or a smaller budget fooled).

    Shares of 1 with Wilson 95 % intervals; `images`: how many there are rows of.
    """
    with connect() as database:
        clean, cells, worst = (database.execute(query, [str(results)]).fetchall() for query in (_CLEAN, _CELLS, _WORST))
    return {
        "clean": [{"target": target, **_share(right, images)} for target, right, images in clean],
        "attacks": [
            {
                **{"target": target, "attack": attack, "norm": norm, "epsilon": epsilon},
                **_share(right, images),
                "queries": queries,
            }
            for target, attack, norm, epsilon, right, images, queries in cells
        ],
        "worst_case": [
            {"target": target, "norm": norm, "epsilon": epsilon, **_share(right, images)}
            for target, norm, epsilon, right, images in worst
        ],
    }


def _share(right: int, images: int) -> dict[str, float | int]:
    low, high = wilson(right, images)
    return {"accuracy": right / images, "low": low, "high": high, "images": images}


def summary_table(record: dict[str, list[dict[str, object]]]) -> Table:
    """The same for a terminal."""
    table = Table(title="accuracy under attack, 95 % interval")
    for heading in ("target", "attack", "norm", "ε"):
        table.add_column(heading)
    for heading in ("accuracy", "interval", "images", "queries per image"):
        table.add_column(heading, justify="right")
    for row in record["clean"]:
        table.add_row(row["target"], "none", "", "", *_cells(row), "")
    for row in record["attacks"]:
        budget = (row["norm"], f"{row['epsilon']:g}")
        table.add_row(row["target"], row["attack"], *budget, *_cells(row), f"{row['queries'] / row['images']:.1f}")
    for row in record["worst_case"]:
        table.add_row(row["target"], "worst case", row["norm"], f"{row['epsilon']:g}", *_cells(row), "")
    return table


def _cells(row: dict[str, object]) -> tuple[str, str, str]:
    interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    return f"{100 * row['accuracy']:.2f} %", interval, str(row["images"])
