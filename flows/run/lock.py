"""One run at a time in a run directory. The operating system drops the lock when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.errors import FlowError

NAME = ".lock"


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Holds the run directory's lock. Raises FlowError where another process has it."""
    with (run / NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise FlowError(
                f"{run}: another run (process {owner}) is at work here; wait for it, or choose another --out"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
