"""Lines of JSON and TensorBoard's files, read back."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.stages import metrics

LINES = [{"epoch": epoch, "loss": 1.0 / (epoch + 1), "test_accuracy": 0.5, "note": "text"} for epoch in range(3)]


def scalars(file: Path) -> dict[tuple[str, int], float]:
    """(tag, step) -> value of one file of events: records of length, checksum, message, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, at, found = file.read_bytes(), 0, {}
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + size])
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        at += 16 + size
    return found


def test_every_epoch_is_a_line_at_once(tmp_path: Path) -> None:
    with metrics.opened(tmp_path, None) as report:
        for count, line in enumerate(LINES, 1):
            report("float", line)
            written = (tmp_path / "metrics.jsonl").read_text().splitlines()
            assert [json.loads(text) for text in written] == [{"network": "float", **done} for done in LINES[:count]]


def test_tensorboard_gets_the_numbers_of_each_network(tmp_path: Path) -> None:
    with metrics.opened(tmp_path, tmp_path / "board") as report:
        for name in ("defended", "float"):
            for line in LINES:
                report(name, line)
    for name in ("defended", "float"):
        (file,) = (tmp_path / "board" / name).iterdir()
        expected = {(key, line["epoch"]): line[key] for line in LINES for key in ("loss", "test_accuracy")}
        assert scalars(file) == pytest.approx(expected)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with metrics.opened(tmp_path, tmp_path / "board") as report, pytest.raises(FlowError, match="pip install"):
        report("float", LINES[0])
