"""`holdfast bitstream DIR` of a compiled QONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows.foreign.test_foreign import call
from tests.flows.synthesize.test_ecp5 import small


def compiled(folder: Path, **record: object) -> Path:
    """What `holdfast compile` leaves, as far as a bitstream needs it."""
    folder.mkdir()
    small().save(folder)
    (folder / "compile.json").write_text(json.dumps(record))
    return folder


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    for folder, words in (
        (compiled(tmp_path / "no_board", clock_mhz=25.0), "--board: expected one of"),
        (compiled(tmp_path / "no_clock", board="ulx3s_85f"), "expected clock_mhz, got none; compile again"),
        (tmp_path, "expected a folder that holdfast compile MODEL.onnx made"),
    ):
        code, text = call("bitstream", folder)
        assert code == 1 and words in text and len(text.strip().splitlines()) == 1, text


def test_a_preset_still_goes_to_its_stage() -> None:
    code, text = call("bitstream", "no-such-preset")
    assert code == 1 and "no-such-preset" in text


@pytest.mark.synth
@pytest.mark.slow
def test_the_record_is_of_the_board_and_clock_asked_for(tmp_path: Path) -> None:
    folder = compiled(tmp_path / "out", clock_mhz=25.0)
    code, text = call("bitstream", folder, "--board", "ulx3s_85f", "--clock-mhz", 50)
    assert code == 0 and "LFE5U-85F: " in text and "clock 50 MHz, reached " in text, text
    record = json.loads((folder / "bitstream" / "bitstream.json").read_text())
    assert (record["board"], record["clock_mhz"]) == ("ulx3s_85f", 50) and record["fmax_mhz"] >= 50
    assert (folder / "bitstream" / "ulx3s_85f.bit").stat().st_size == record["bytes"]
