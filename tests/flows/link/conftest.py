from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.link.simulated import SimulatedBoard
from hw.boards.board import load
from tests.flows.link.small_circuit import classifier


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where the simulated board is built, once for all tests."""
    return tmp_path_factory.mktemp("board")


@pytest.fixture
def simulate(folder) -> Callable[..., SimulatedBoard]:
    def start(noise: float = 0.0, seed: int = 1) -> SimulatedBoard:
        return SimulatedBoard(classifier(), load("ulx3s_85f"), folder, clock_mhz=25.0, noise=noise, seed=seed)

    return start
