"""Three tiny stages, numbers -> double -> total, that count how often they run, and a display that only records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.config import Config
from flows.run.engine import execute
from flows.run.manifest import Record
from flows.run.stage import Context, Stage


class Recorder:
    """A display that keeps what it is told: (event, stage, detail)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, object]] = []

    def started(self, stage: str, why: str) -> None:
        self.events.append(("started", stage, why))

    def progress(self, done: float, text: str) -> None:
        self.events.append(("progress", text, done))

    def finished(self, stage: str, seconds: float | None) -> None:
        self.events.append(("finished", stage, seconds is not None))

    def unchanged(self, stage: str) -> None:
        self.events.append(("unchanged", stage, None))

    def ran(self) -> list[str]:
        return [stage for event, stage, _ in self.events if event == "started"]

    def why(self, stage: str) -> object:
        return next(detail for event, name, detail in self.events if (event, name) == ("started", stage))


def write_numbers(context: Context) -> None:
    numbers = range(context.config.attack.images)
    (context.folder / "numbers.txt").write_text(" ".join(map(str, numbers)))
    (context.folder / "notes.txt").write_text(f"{context.config.train.epochs}")


def write_double(context: Context) -> None:
    text = context.input("numbers", "numbers.txt").read_text()
    (context.folder / "deep").mkdir()
    (context.folder / "deep" / "double.txt").write_text(" ".join(str(2 * int(word)) for word in text.split()))


def write_total(context: Context) -> None:
    text = context.input("double", "deep/double.txt").read_text()
    (context.run / "total.txt").write_text(str(sum(map(int, text.split()))))


def stages(
    double: Callable[[Context], None] = write_double, total: Callable[[Context], None] = write_total
) -> tuple[Stage, ...]:
    return (
        Stage("numbers", write_numbers, sections=("attack.images", "train.epochs")),
        Stage("double", double, inputs=("numbers/numbers.txt",), sections=("seed",)),
        Stage("total", total, inputs=("double",), beside=("total.txt",)),
    )


def go(
    run: Path, config: Config, chain: tuple[Stage, ...] | None = None, **options
) -> tuple[Recorder, dict[str, Record]]:
    display = Recorder()
    return display, execute(chain or stages(), config, run, display, **options)
