"""Pixels: PNG files, differences, floor plan, chart geometry."""

from __future__ import annotations

import base64
import re
import struct
import zlib

import numpy as np
import pytest

from flows.errors import FlowError
from flows.report.charts import epsilon_chart, nice_step
from flows.report.colours import css, operator_rgb
from flows.report.page import render
from flows.report.png import grey_uri, palette_uri, rgb_uri
from flows.report.run_files import open_run
from flows.report.sections import accuracy, floorplan
from flows.report.sections.images import difference_colours


def decode(uri: str) -> tuple[np.ndarray, dict[bytes, bytes]]:
    """A data URI's rows, uint8 (H, bytes per row), and its chunks; every checksum is checked."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    assert list(chunks)[0] == b"IHDR" and list(chunks)[-1] == b"IEND"
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert depth == 8 and rows.shape[1] == 1 + width * {2: 3, 3: 1}[colour] and not rows[:, 0].any()
    return rows[:, 1:], chunks


def test_png_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(decode(rgb_uri(pixels))[0].reshape(5, 7, 3), pixels)
    assert np.array_equal(decode(grey_uri(pixels[:, :, 0]))[0].reshape(5, 7, 3), pixels[:, :, [0, 0, 0]])


def test_palette_starts_transparent():
    indices = np.array([[0, 1], [2, 0]], dtype=np.uint8)
    rows, chunks = decode(palette_uri(indices, [(1, 2, 3), (4, 5, 6)]))
    assert np.array_equal(rows, indices)
    assert chunks[b"PLTE"] == bytes([0, 0, 0, 1, 2, 3, 4, 5, 6]) and chunks[b"tRNS"] == b"\0"


def test_difference_shows_sign_and_size():
    colours = difference_colours(np.array([[0, 10], [-10, 5]], dtype=np.int16))
    assert colours[0, 0].tolist() == [255, 255, 255]
    assert colours[0, 1].tolist() == [217, 72, 1] and colours[1, 0].tolist() == [8, 81, 200]
    assert 72 < colours[1, 1, 1] < 255  # half the change, half the colour
    assert (difference_colours(np.zeros((2, 2), np.int16)) == 255).all()
    assert difference_colours(np.array([[-255, 255]], np.int16)).tolist() == [[[8, 81, 200], [217, 72, 1]]]


def test_one_entry_a_tile_is_one_dot():
    picture, dots = floorplan.draw([(1, 0, 0), (2, 1, -1), (0, 1, 3)], 3, 2)
    assert dots == 1
    assert picture.tolist() == [[0, 2, 0], [5, 0, 1]]


def test_cells_of_one_tile_lie_side_by_side():
    picture, dots = floorplan.draw([(1, 0, 2), (1, 0, 0), (0, 0, -1), (1, 0, 2)], 2, 1)
    assert dots == 2
    assert picture.tolist() == [[1, 0, 2, 4], [0, 0, 4, 0]]


def test_a_crowded_tile_keeps_its_shares():
    picture, dots = floorplan.draw([(0, 0, owner) for owner in (0, 1) for _ in range(32)], 1, 1)
    assert dots == 4
    assert sorted(picture.ravel().tolist()) == [2] * 8 + [3] * 8


def test_floor_plan_is_drawn_in_the_operators_colours(run_folder):
    plan = floorplan.view(open_run(run_folder))
    rows, chunks = decode(plan.image)
    assert rows.shape == (95, 126)
    assert np.count_nonzero(rows) == plan.cells == sum(entry.cells for entry in plan.legend)
    for index, entry in enumerate(plan.legend[:-1]):
        assert np.count_nonzero(rows == index + 2) == entry.cells > 0
        at = 3 * (index + 2)
        assert css(tuple(chunks[b"PLTE"][at : at + 3])) == entry.colour == css(operator_rgb(index))
    html = render(run_folder)
    assert plan.image in html and f"background:{plan.legend[0].colour}" in html


def test_forty_thousand_cells(run_folder, edit):
    cells = [[index % 126, index // 126 % 95, index % 12] for index in range(40_000)]
    edit(run_folder, "bitstream", lambda record: record["floorplan"].update(cells=cells))
    plan = floorplan.view(open_run(run_folder))
    assert plan.unit == "cells" and np.count_nonzero(decode(plan.image)[0]) == 40_000


@pytest.mark.parametrize(
    "cell", [[126, 0, 0], [0, 95, 0], [-1, 0, 0], [0, 0, 12], [0, 0, -2], [0, 0], [0.0, 0, 0], "x"]
)
def test_a_cell_outside_the_device_is_refused(run_folder, edit, cell):
    edit(run_folder, "bitstream", lambda record: record["floorplan"]["cells"].insert(7, cell))
    with pytest.raises(
        FlowError, match=r"bitstream.json: expected floorplan.cells\[7\] to be \[x below 126, y below 95"
    ):
        floorplan.view(open_run(run_folder))


def test_a_run_without_floor_plan(run_folder, edit):
    edit(run_folder, "bitstream", lambda record: record.pop("floorplan"))
    assert "recorded no floor plan" in render(run_folder)


def test_operators_have_colours_of_their_own():
    colours = [operator_rgb(index) for index in range(-1, 40)]
    assert len(set(colours)) == len(colours)
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)


def test_chart_maps_shares_and_budgets(run_folder):
    chart = epsilon_chart(accuracy.view(open_run(run_folder)))
    ys = {tick.label: tick.at for tick in chart.y_ticks}
    assert ys["100 %"] == chart.top and ys["0 %"] == chart.bottom
    assert [series.key for series in chart.series] == ["defended", "quantized", "float"]
    defended = chart.series[0]
    assert (defended.marks[0].x, defended.marks[-1].x) == (chart.left, chart.right)
    assert defended.marks[5].x == chart.budget  # epsilon 0.1 of 0.16
    assert defended.marks[0].y == pytest.approx(ys["0 %"] + 0.9711 * (ys["100 %"] - ys["0 %"]), abs=0.01)
    assert defended.worst.low > defended.worst.y > defended.worst.high  # y grows downwards
    assert "40.0% (33.0% to 47.0%)" in defended.worst.label
    assert [tick.label for tick in chart.x_ticks][:3] == ["0", "0.02", "0.04"]


@pytest.mark.parametrize(("span", "step"), [(0.16, 0.02), (0.3, 0.05), (1.0, 0.2), (0.0, 1.0), (0.08, 0.01), (8, 1)])
def test_nice_steps(span, step):
    assert nice_step(span, 8) == pytest.approx(step)


def test_no_curve_no_chart(run_folder, edit):
    def cut(record: dict) -> None:
        for network in record["networks"].values():
            del network["curve"], network["layers"]

    edit(run_folder, "attack", cut)
    assert epsilon_chart(accuracy.view(open_run(run_folder))) is None
    assert not re.search(r"<polyline", render(run_folder))
