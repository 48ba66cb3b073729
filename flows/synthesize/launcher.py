"""Runs one WebAssembly tool of a wheel, and ends with the process that started it.

`python launcher.py FD MODULE FUNCTION ARGUMENTS...`: calls `MODULE.FUNCTION([ARGUMENTS])` and exits with its result.
FD is the read end of a pipe whose other end the parent holds: it closes when the parent dies, however that happens,
and then this process ends as well instead of working on for minutes. Runs as a file, so it imports nothing of ours.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)
    os._exit(1)


def main() -> int:
    descriptor, module, function, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(int(descriptor),), daemon=True).start()
    return getattr(importlib.import_module(module), function)(arguments)


if __name__ == "__main__":
    sys.exit(main())
