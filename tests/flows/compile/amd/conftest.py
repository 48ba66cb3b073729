"""One build of a small network for all tests here, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.compile.amd.boards import amd_board
from flows.compile.amd.build import Source, make_build
from flows.compile.compiler import compile_model
from flows.config import CompileConfig
from tests.flows.compile.qonnx_networks import lenet

CONFIG = CompileConfig(target_fps=50_000, clock_mhz=100.0, fifo_depth=2)


@dataclass(frozen=True)
class Built:
    source: Source
    folder: Path
    record: dict


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("amd")
    path = lenet(folder / "model.onnx")
    source = Source(path, compile_model(path, folder, CONFIG))
    out = folder / "build"
    out.mkdir()
    return Built(source, out, make_build(source, amd_board("Pynq-Z1"), out, lambda text: None))
