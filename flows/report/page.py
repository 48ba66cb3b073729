"""`report.html`: one self-contained page from a run's stage JSONs. No script, no external request."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.report import words
from flows.report.charts import epsilon_chart
from flows.report.layer_charts import depth_chart, threshold_chart
from flows.report.run_files import STAGES, open_run
from flows.report.sections import accuracy, circuit, exactness, floorplan, headline, hil, images, layers, reproduction
from flows.report.summary import write_whole

TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = ("percent", "thousands", "plain", "seconds")


def render(run_folder: Path) -> str:
    """The page's HTML. The same files give the same text.

    Stages that have not run are named on the page. Raises FlowError naming file and key where a record is malformed.
    """
    run = open_run(run_folder)
    seen, proven, built = accuracy.view(run), exactness.view(run), circuit.bitstream(run)
    inside = layers.view(run)
    made, attacked = circuit.view(run), hil.view(run)
    parts = {
        "headline": headline.view(seen, proven, made, built, attacked),
        "accuracy": seen,
        "chart": epsilon_chart(seen) if seen else None,
        "layers": inside,
        "depth": depth_chart(inside) if inside else None,
        "thresholds": threshold_chart(inside) if inside else None,
        "images": images.view(run),
        "exactness": proven,
        "circuit": made,
        "bitstream": built,
        "rate": circuit.frames_per_second(made, built),
        "clock": circuit.clock_mhz(made, built),
        "kinds": circuit.KINDS,
        "floorplan": floorplan.view(run),
        "hil": attacked,
        "reproduction": reproduction.view(run.folder),
        "missing": [(stage, STAGES[stage]) for stage in run.missing],
        "listing": words.listing,
        "count": words.count,
    }
    return _environment().get_template("page.html.j2").render(parts)


def write(run_folder: Path) -> Path:
    """Writes `report.html` into the run directory, whole or not at all; returns its path. Raises as `render`."""
    return write_whole(Path(run_folder) / "report.html", render(run_folder))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: getattr(words, name) for name in _FILTERS})
    return environment
