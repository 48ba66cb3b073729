"""The adversarial information plane of one or more ensembles as an SVG of its own, from their `ensemble.json`."""

from __future__ import annotations

from itertools import cycle

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.report.charts import nice_step
from flows.report.page import TEMPLATES

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 20, 56
COLOURS = ("#0b6e4f", "#b5462f", "#31588a", "#8a6d1f")


def draw(records: list[dict]) -> str:
    """SVG text: mutual information (x, nats) against accuracy (y), one line per record through its budgets."""
    most = max(point["mutual_information"] for record in records for point in record["plane"]) or 1.0
    step = nice_step(most, 6)
    top = step * -(-most // step)

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / top, 2)

    def y(share: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 2)

    lines = []
    for record, colour in zip(records, cycle(COLOURS), strict=False):
        points = [(x(p["mutual_information"]), y(p["accuracy"]), f"{p['epsilon']:g}") for p in record["plane"]]
        path = " ".join(f"{across},{down}" for across, down, _ in points)
        lines.append({"title": record["title"], "colour": colour, "points": points, "path": path})
    ticks = {
        "across": [(x(step * i), f"{step * i:g}") for i in range(round(top / step) + 1)],
        "down": [(y(share / 100), f"{share} %") for share in range(0, 101, 20)],
    }
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "bottom": HEIGHT - BOTTOM}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("information_plane.svg.j2").render(lines=lines, ticks=ticks, frame=frame)
