"""Operators made for these tests: two broken ones, and one with a memory file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _room(name: str) -> type:
    """The class that `rooms/<name>/<name>.py` defines."""
    path = Path(__file__).parent / "rooms" / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"holdfast_test_room_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name.capitalize())


@pytest.fixture(scope="session")
def swallow() -> type:
    return _room("swallow")


@pytest.fixture(scope="session")
def waver() -> type:
    return _room("waver")


@pytest.fixture(scope="session")
def lookup() -> type:
    return _room("lookup")
