"""Starts one tool as a child process, follows its log, and turns its failure into one readable error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from flows.environment import for_tools
from flows.errors import FlowError

LAUNCHER = Path(__file__).with_name("launcher.py")
POLL_SECONDS = 0.2
FIRST_LINES, LAST_LINES = 3, 2


@dataclass(frozen=True, slots=True)
class Tool:
    """`name`: as users know it. `wheel`: its distribution. `module`, `function`: its entry, which takes arguments
    and returns an exit status."""

    name: str
    wheel: str
    module: str
    function: str

    def version(self) -> str:
        """Version of the wheel. Raises FlowError where it is not installed."""
        try:
            version = metadata.version(self.wheel)
        except metadata.PackageNotFoundError as error:
            raise FlowError(
                f"{self.name}: expected the Python package {self.wheel}, found none: "
                f"pip install {self.wheel}, or install holdfast[synth]"
            ) from error
        if find_spec(self.module) is None:
            raise FlowError(f"{self.name}: {self.wheel} is installed without {self.module}: install it again")
        return version


def run(
    tool: Tool,
    arguments: list[str],
    folder: Path,
    *,
    own_log: str | None = None,
    follow: Callable[[str], None] = lambda line: None,
) -> None:
    """Runs `tool` in `folder`; what it prints goes to `<tool>.console` there.

    `own_log`: name of the file in `folder` that the tool itself logs to, if any: it is the better source, because
    Yosys' standard output ends for good once it has called ABC. `follow` is called with every line of the log as it
    comes. An exception out of `follow`, or the end of this process, ends the tool. Raises FlowError with the tool's
    first and last error lines and the log's path when it fails.
    """
    tool.version()
    console = folder / f"{tool.name}.console"
    log = folder / own_log if own_log else console
    log.unlink(missing_ok=True)
    ours, theirs = _pipe()
    try:
        # The wheels keep their scratch files in TMPDIR and forget them when killed.
        with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch, console.open("wb") as output:
            # -P: the launcher's folder must not shadow modules of the wheels.
            command = [sys.executable, "-P", str(LAUNCHER), str(theirs), tool.module, tool.function, *arguments]
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=for_tools(TMPDIR=Path(scratch).resolve()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs,),
            )
            try:
                status = _watch(process, log, follow)
            finally:
                process.kill()
                process.wait()
    except OSError as error:
        raise FlowError(f"{tool.name} could not run in {folder}: {error.strerror or error}") from error
    finally:
        os.close(ours)
        os.close(theirs)
    if status < 0:
        raise FlowError(f"{tool.name} was killed by signal {-status}: out of memory? (log: {log})")
    if status:
        raise FlowError(f"{tool.name} failed with exit status {status}: {_errors(log, console)} (log: {log})")


def _pipe() -> tuple[int, int]:
    """(write end for us, read end for the child)."""
    read, write = os.pipe()
    return write, read


def _watch(process: subprocess.Popen, log: Path, follow: Callable[[str], None]) -> int:
    """Feeds `follow` until the process ends; its exit status."""
    position, rest = 0, ""
    while True:
        try:
            status = process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        if log.is_file():
            with log.open("rb") as file:
                file.seek(position)
                data = file.read()
            position += len(data)
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            for line in lines:
                follow(line)
        if status is not None:
            return status


def _errors(*logs: Path) -> str:
    """The first and last error lines of the first log that has any, else its last lines."""
    fallback = "it printed nothing"
    for log in logs:
        text = log.read_text(errors="replace") if log.is_file() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        # A tool's own summary ("0 errors") is none.
        errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
        if errors:
            return " | ".join(errors[:FIRST_LINES] + errors[FIRST_LINES:][-LAST_LINES:])
        if lines and fallback == "it printed nothing":
            fallback = " | ".join(lines[-LAST_LINES:])
    return fallback
