"""Boards as data."""

from __future__ import annotations

import tomllib

import pytest

from hw.boards.board import FILE, load, names, parse
from hw.errors import HardwareError
from hw.op import Resources


@pytest.fixture
def values():
    return tomllib.loads((load("ulx3s_85f").folder / FILE).read_text())


def test_ulx3s():
    board = load("ulx3s_85f")
    assert (board.name, board.device, board.idcode) == ("ulx3s_85f", "LFE5U-85F", 0x41113043)
    assert board.available == Resources(lut4=83640, ff=83640, ebr=208, dsp=156)
    assert board.slices * 2 == board.lut4
    assert "--85k" in board.nextpnr


def test_every_board_has_its_files():
    assert names()
    for name in names():
        board = load(name)
        assert board.constraints_path.is_file()


def test_unknown_board_names_the_known():
    with pytest.raises(HardwareError, match=r"unknown board 'ulx3s': expected one of colorlight_i5, .*, ulx3s_85f"):
        load("ulx3s")
    with pytest.raises(HardwareError, match="unknown board '../boards/ulx3s_85f'"):
        load("../boards/ulx3s_85f")


def test_broken_board_files(values):
    with pytest.raises(HardwareError, match="here: unknown colour"):
        parse("x", values | {"colour": "red"}, "here")
    with pytest.raises(HardwareError, match="here: expected baud, found none"):
        parse("x", {key: value for key, value in values.items() if key != "baud"}, "here")
    for key, value in {"baud": 0, "lut4": "many", "nextpnr": [1], "device": "", "dsp": True, "leds_low": 1}.items():
        with pytest.raises(HardwareError, match=f"here: expected {key} to be a positive"):
            parse("x", values | {key: value}, "here")
    with pytest.raises(HardwareError, match="here: expected at most 8 leds, got 9"):
        parse("x", values | {"leds": 9}, "here")


def test_a_board_may_have_no_button(values):
    assert parse("x", values | {"reset_pin": ""}, "here").reset_pin == ""
