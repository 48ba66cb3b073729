"""Noise through the layers, on the page and in its charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.report.layer_charts import depth_chart, threshold_chart
from flows.report.page import render
from flows.report.run_files import open_run
from flows.report.sections.layers import view


def test_the_charts_span_what_was_measured(run_folder: Path) -> None:
    layers = view(open_run(run_folder))
    chart = depth_chart(layers)
    assert [tick.label for tick in chart.x_ticks] == ["input", "block 0", "block 1", "logits"]
    assert len(chart.lines) == 6
    last = [float(line.points.split()[-1].split(",")[1]) for line in chart.lines if line.kind == "adversarial"]
    assert last == [16.0] * 3  # the largest value of all lies at the top
    row = threshold_chart(layers).rows[0]
    assert row.learned[0] < row.fixed[0] < row.fixed[1] < row.learned[1] < row.fixed[2] < row.learned[2]


def test_the_page_shows_them(run_folder: Path) -> None:
    page = render(run_folder)
    assert "Where the noise grows" in page and "Learned thresholds" in page and "11.2" in page


def test_a_bound_that_is_not_there(run_folder: Path, edit) -> None:
    def cut(record: dict) -> None:
        record["networks"]["defended"]["layers"] |= {"factors": [2.5, None, 3.0], "product": None}

    edit(run_folder, "attack", cut)
    assert "none" in render(run_folder).partition("Bounds on the amplification")[2].partition("</table>")[0]


def test_a_run_without_the_record_has_no_such_part(run_folder: Path, edit) -> None:
    def drop(record: dict) -> None:
        for network in record["networks"].values():
            del network["layers"]

    edit(run_folder, "attack", drop)
    assert view(open_run(run_folder)) is None
    assert "Where the noise grows" not in render(run_folder)


def test_a_malformed_record_is_named(run_folder: Path, edit) -> None:
    def break_it(record: dict) -> None:
        record["networks"]["defended"]["layers"]["noise"] = ["much"]

    edit(run_folder, "attack", break_it)
    with pytest.raises(FlowError, match="noise"):
        render(run_folder)
