"""Operators made for these tests: two broken ones, and one with a memory file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rooms import load_room

ROOMS = Path(__file__).parent / "rooms"


@pytest.fixture(scope="session")
def swallow() -> type:
    return load_room(ROOMS / "swallow")


@pytest.fixture(scope="session")
def waver() -> type:
    return load_room(ROOMS / "waver")


@pytest.fixture(scope="session")
def lookup() -> type:
    return load_room(ROOMS / "lookup")
