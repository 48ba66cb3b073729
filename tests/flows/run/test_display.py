from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.run import display
from flows.run.display import ConsoleDisplay


def lines(text: io.StringIO) -> list[str]:
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_log_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    shown = ConsoleDisplay(Console(file=text, width=20), ["data", "train"])
    shown.unchanged("data")
    shown.started("train", "first time")
    shown.progress(0.1, "too soon to say")
    monkeypatch.setattr(display, "LOG_SECONDS", 0.0)
    shown.progress(0.5, "epoch 2 of 4 [dim]")
    shown.finished("train", 3.21)
    assert lines(text) == [
        "[ 1/2] data   unchanged",
        "[ 2/2] train  first time",
        "[ 2/2] train   50 %  epoch 2 of 4 [dim]",
        "[ 2/2] train  done in 3.2 s",
    ]


def test_a_terminal_gets_a_moving_line_and_a_last_one() -> None:
    text = io.StringIO()
    shown = ConsoleDisplay(Console(file=text, force_terminal=True, width=100), ["data"])
    shown.started("data", "first time")
    shown.progress(0.5, "half [of] it")
    shown.finished("data", None)
    assert "half [of] it" in text.getvalue() and "[ 1/1] data  failed" in text.getvalue()
