"""The driver on the stand-in of a board: scores are the golden model's, and what can go wrong is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.pynq import driver
from flows.pynq.check import FILE, check
from flows.pynq.driver import Accelerator
from flows.pynq.interface import read_interface
from flows.targets.onnx_target import OnnxTarget
from tests.flows.pynq.conftest import STAND_IN, change_bitfile


@pytest.fixture
def accelerator(package: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes one from the package's bitfile."""
    monkeypatch.syspath_prepend(str(STAND_IN))

    def make(**options: int) -> Accelerator:
        return Accelerator(
            read_interface(package / "interface.json"), package / "bitfile" / "finn-accel.bit", **options
        )

    return make


def extremes() -> np.ndarray:
    shape = (1, 6, 6)
    return np.stack([np.zeros(shape), np.full(shape, 255), np.resize([0, 255], shape)]).astype(np.uint8)


@pytest.mark.parametrize("frames", [1, 7, 256])
def test_scores_are_the_golden_models(accelerator, dataflow, images, frames: int) -> None:
    pictures = np.concatenate([extremes(), images])
    scores = accelerator(frames=frames).predict(pictures)
    assert scores.dtype == np.int64
    assert np.array_equal(scores, OnnxTarget(dataflow).predict(pictures))


def test_it_sets_the_clock_that_finn_expects(accelerator) -> None:
    accelerator()
    from pynq.ps import Clocks

    assert Clocks.fclk0_mhz == 100.0


def test_another_circuit_is_found_by_the_stored_images(accelerator, package: Path) -> None:
    assert check(accelerator().predict, package / FILE) == 8
    change_bitfile(package, wrong=1)
    with pytest.raises(FlowError, match="8 of 8 images get other scores than the golden model; image 0"):
        check(accelerator().predict, package / FILE)


def test_an_accelerator_that_does_not_answer_is_given_up(accelerator, package, images, monkeypatch) -> None:
    monkeypatch.setattr(driver, "SECONDS", 0.05)
    change_bitfile(package, dead=True)
    dead = accelerator()
    with pytest.raises(FlowError, match="expected 40 answers within"):
        dead.predict(images)
    with pytest.raises(FlowError, match="expected an idle accelerator"):
        dead.predict(images)


@pytest.mark.parametrize("missing", ["finn-accel.bit", "finn-accel.hwh"])
def test_a_missing_bitfile_is_named(accelerator, package: Path, missing: str) -> None:
    (package / "bitfile" / missing).unlink()
    with pytest.raises(FlowError, match=missing):
        accelerator()


def test_without_pynq_it_says_where_to_get_it(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(FlowError, match="expected PYNQ's Python"):
        Accelerator(read_interface(package / "interface.json"), package / "bitfile" / "finn-accel.bit")


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 1, 6, 6)), np.zeros((1, 6, 6), np.uint8), np.zeros((2, 3, 6, 6), np.uint8)]
)
def test_other_images_are_refused(accelerator, wrong: np.ndarray) -> None:
    with pytest.raises(FlowError, match="expected uint8 images"):
        accelerator().predict(wrong)


def test_channels_go_in_the_order_of_the_stream(tmp_path: Path) -> None:
    record = {
        "image": [3, 2, 4],
        "layout": "NHWC",
        "input": {"dtype": "UINT8", "folded": [1, 2, 4, 1, 3]},
        "output": {"dtype": "INT9", "folded": [1, 2, 1]},
        "scores": {"signs": [1, -1], "shift": 3, "bias": [5, -5]},
    }
    path, image = tmp_path / "interface.json", np.arange(24, dtype=np.uint8).reshape(1, 3, 2, 4)
    path.write_text(json.dumps(record))
    pixels = read_interface(path).encode(image)
    assert pixels.shape == (1, 2, 4, 1, 3) and pixels[0, 1, 2, 0].tolist() == image[0, :, 1, 2].tolist()
    path.write_text(json.dumps(record | {"layout": "NCHW"}))
    assert read_interface(path).encode(image).ravel().tolist() == list(range(24))
    packed = np.array([[[[0x2C, 0x01]], [[0xFF, 0x01]]]], np.uint8).reshape(1, 2, 2)  # -212 and -1 in 9 bits
    assert read_interface(path).decode(packed).tolist() == [[-212 * 8 + 5, 1 * 8 - 5]]


@pytest.mark.parametrize(
    "change",
    [{"image": [1, 6, 7]}, {"layout": "HWC"}, {"scores": {}}, {"input": {"dtype": "FLOAT32", "folded": [1, 36]}}],
)
def test_an_interface_that_does_not_fit_is_refused(package: Path, change: dict) -> None:
    path = package / "interface.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FlowError, match="expected"):
        read_interface(path)
