"""Operators made for tests: a folder with a descriptor and its SystemVerilog, as under `hw/ops`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def load_room(folder: Path) -> type:
    """The class, named as the room, that `<folder>/<room>.py` defines."""
    name = folder.name
    spec = importlib.util.spec_from_file_location(f"holdfast_test_room_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name.capitalize())
