"""Shows a run on a terminal as one moving line per stage, in a log as a few plain lines."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LOG_SECONDS = 10.0


class ConsoleDisplay:
    """`engine.Display` on a rich console. `names`: the stages of this run, in order."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._names = names
        self._width = max(map(len, names))
        self._stage = ""
        self._live: Progress | None = None
        self._task = TaskID(0)
        self._last = 0.0

    def started(self, stage: str, why: str) -> None:
        self._stage = stage
        if not self._console.is_terminal:
            self._line(stage, why)
            self._last = time.monotonic()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(24),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[text]}"),
        )
        self._live = Progress(*columns, console=self._console, transient=True)
        self._task = self._live.add_task(escape(self._head(stage)), total=None, text=why)
        self._live.start()

    def progress(self, done: float, text: str) -> None:
        """`done`: from 0 to 1; 0 while nothing is known."""
        if self._live is not None:
            self._live.update(self._task, total=1.0 if done > 0 else None, completed=done, text=escape(text))
        elif time.monotonic() - self._last >= LOG_SECONDS:
            self._last = time.monotonic()
            self._line(self._stage, f"{f'{100 * done:3.0f} %  ' if done > 0 else ''}{text}")

    def finished(self, stage: str, seconds: float | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._line(stage, "failed" if seconds is None else f"done in {seconds:.1f} s")

    def unchanged(self, stage: str) -> None:
        self._line(stage, "unchanged")

    def _head(self, stage: str) -> str:
        return f"[{self._names.index(stage) + 1:2d}/{len(self._names)}] {stage:{self._width}}"

    def _line(self, stage: str, text: str) -> None:
        self._console.print(f"{self._head(stage)}  {text}", markup=False, highlight=False, soft_wrap=True)
