"""A board's package of a small dataflow, its bitfile being the stand-in's (board/pynq)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.pynq.package import PACKAGE_FOLDER, make_package
from hw.dataflow import Dataflow
from tests.flows.golden.small_dataflow import convolutional

STAND_IN = Path(__file__).parent / "board"
SIGNS = [1, -1, 1, 1, -1]


def write_interface(path: Path, dataflow: Dataflow) -> Path:
    """As build-amd writes it, but for signs and words of several elements of an odd width."""
    fc = next(op for op in dataflow.ops if op.name == "fc")
    record = {
        "image": [1, 6, 6],
        "layout": "NHWC",
        "input": {"dtype": "UINT8", "normal": [1, 6, 6, 1], "folded": [1, 12, 3]},
        "output": {"dtype": "INT13", "normal": [1, 5], "folded": [1, 1, 5]},
        "scores": {"signs": SIGNS, "shift": fc.shift, "bias": [int(value) for value in fc.bias]},
    }
    path.write_text(json.dumps(record))
    return path


@pytest.fixture
def dataflow() -> Dataflow:
    return convolutional(0)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (40, 1, 6, 6), dtype=np.uint8)


@pytest.fixture
def package(tmp_path: Path, dataflow: Dataflow, images: np.ndarray) -> Path:
    """The folder as it would lie on a board, with a bitfile."""
    dataflow.save(tmp_path)
    interface = write_interface(tmp_path / "interface.json", dataflow)
    folder = tmp_path / PACKAGE_FOLDER
    make_package(folder, interface, dataflow, images[:8], "Pynq-Z1", "vivado_zynq")
    (folder / "bitfile" / "finn-accel.bit").touch()
    settings = {"dataflow": str(tmp_path), "interface": str(interface)}
    (folder / "bitfile" / "finn-accel.hwh").write_text(json.dumps(settings))
    return folder


def change_bitfile(package: Path, **settings: object) -> None:
    path = package / "bitfile" / "finn-accel.hwh"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
