"""Tables in Markdown, and the generated part of a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flows.errors import FlowError
from flows.report.summary import write_whole


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of as many cells as the head."""
    head = list(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


def write_between(page: Path, begin: str, end: str, made: str) -> None:
    """Puts `made` between two marks. Raises FlowError where they do not stand in the page once each."""
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise FlowError(f"{page}: expected the lines {begin!r} and {end!r} once each")
    before, rest = text.split(begin)
    write_whole(page, f"{before}{begin}\n{made}\n{end}{rest.split(end)[1]}")
