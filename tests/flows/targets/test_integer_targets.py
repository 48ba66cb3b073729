"""Targets that run the integer dataflow: the order of pixels, the scores, the count, and no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import build
from flows.targets.layout import to_codes
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from flows.targets.target import Target
from tests.flows.golden.small_dataflow import convolutional, linear


def _images(n: int, channels: int = 1, side: int = 6) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (n, channels, side, side), dtype=np.uint8)


def test_channels_go_last() -> None:
    images = _images(2, channels=3)
    codes = to_codes(images, (6, 6, 3), "test")
    assert codes.flags.c_contiguous and codes.dtype == np.uint8
    assert all(codes[1, r, c, k] == images[1, k, r, c] for r in range(6) for c in range(6) for k in range(3))
    assert np.array_equal(to_codes(images, (108,), "test"), codes.reshape(2, 108))


def test_onnx_target_gives_scores_without_the_label() -> None:
    dataflow, images = convolutional(0), _images(9)
    target = OnnxTarget(dataflow)
    scores = target.predict(images)
    expected = dataflow.golden(images.transpose(0, 2, 3, 1))
    assert scores.dtype == np.int64 and np.array_equal(scores, expected[:, :5])
    assert np.array_equal(scores.argmax(axis=1), expected[:, 5])
    target.predict(images[:2])
    assert target.queries == 11
    assert isinstance(target, Target) and target.name == "onnxruntime"


def test_one_dimensional_input_takes_pixels_in_channels_last_order() -> None:
    rng = np.random.default_rng(1)
    weights, bias, images = rng.integers(-99, 99, (4, 18)), rng.integers(-9, 9, 4), _images(3, channels=2, side=3)
    expected = images.transpose(0, 2, 3, 1).reshape(3, 18).astype(np.int64) @ weights.T + bias
    assert np.array_equal(OnnxTarget(linear(weights, bias)).predict(images), expected)


def test_labels_only_is_refused() -> None:
    with pytest.raises(ValueError, match="compile it with emit_scores"):
        OnnxTarget(convolutional(0, emit_scores=False)).predict(_images(1))


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (np.zeros((2, 1, 6, 6)), r"expected uint8 images \(N, C, H, W\), got float64 \(2, 1, 6, 6\)"),
        (np.zeros((1, 6, 6), np.uint8), r"got uint8 \(1, 6, 6\)"),
        ([[1]], "got list"),
        (_images(1, channels=2), r"expected images of shape \(6, 6, 1\) \(height, width, channels\), got \(6, 6, 2\)"),
    ],
)
def test_other_images_are_refused_and_not_counted(images: object, text: str) -> None:
    target = OnnxTarget(convolutional(0))
    with pytest.raises(FlowError, match=text):
        target.predict(images)
    assert target.queries == 0


@pytest.mark.sim
def test_rtl_target_gives_the_golden_scores(tmp_path: Path) -> None:
    dataflow, images = convolutional(0), _images(20)
    with RtlTarget(dataflow, build(dataflow, tmp_path)) as target:
        assert np.array_equal(target.predict(images), OnnxTarget(dataflow).predict(images))
        assert np.array_equal(target.predict(images[::-1]), OnnxTarget(dataflow).predict(images[::-1]))
        assert target.queries == 40 and target.name == "rtl" and isinstance(target, Target)
        with pytest.raises(FlowError, match="expected uint8 images"):
            target.predict(images.astype(np.int64))


def test_nothing_here_imports_torch() -> None:
    attacks = ("square", "nes", "spsa", "zoo", "hop_skip_jump", "boundary", "uniform", "hardware")
    modules = ", ".join(
        ["flows.targets.onnx_target, flows.targets.rtl_target", *(f"flows.attack.{a}" for a in attacks)]
    )
    code = f"import sys; import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
