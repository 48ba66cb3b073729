from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from brevitas_models.config import DataConfig
from brevitas_models.data import Split, load
from brevitas_models.errors import ModelError


def test_every_picture_is_in_exactly_one_part(digits: Split) -> None:
    original = load_digits()
    codes = np.round(original.data * 255 / 16).astype(np.uint8)
    assert digits.train_x.shape == (len(codes) - len(digits.test_x), 1, 8, 8)
    merged = np.concatenate([digits.train_x, digits.test_x]).reshape(len(codes), 64)
    labels = np.concatenate([digits.train_y, digits.test_y])
    expected = np.column_stack([codes, original.target])
    got = np.column_stack([merged, labels])
    assert np.array_equal(got[np.lexsort(got.T)], expected[np.lexsort(expected.T)])


def test_a_quarter_of_every_class_is_held_out(digits: Split) -> None:
    for label in range(10):
        held, kept = (digits.test_y == label).sum(), (digits.train_y == label).sum()
        assert held == -(-(held + kept) // 4)
    assert digits.classes == 10 and digits.train_x.dtype == np.uint8 and digits.train_y.dtype == np.int64


def test_the_split_never_changes(digits: Split) -> None:
    assert load(DataConfig()).sha256 == digits.sha256
    assert digits.sha256 == "4a098a9d5071ca9adcbb7b5458429e815a270f2c3090c7231fa1e4a5b42b61e3"


def test_fewer_pictures_are_the_first_ones(digits: Split) -> None:
    few = load(DataConfig(train_images=7, test_images=3))
    assert np.array_equal(few.train_x, digits.train_x[:7]) and np.array_equal(few.test_y, digits.test_y[:3])
    assert few.sha256 != digits.sha256


def test_more_pictures_than_there_are_is_refused() -> None:
    with pytest.raises(ModelError, match=r"data.test_images: expected at most \d+ for digits, got 5000"):
        load(DataConfig(test_images=5000))


def test_a_split_of_wrong_types_is_refused(digits: Split) -> None:
    x, y = digits.train_x[:4], digits.train_y[:4]
    with pytest.raises(ModelError, match=r"broken train: expected uint8 images \(N, C, H, W\), got float64"):
        Split(x.astype(float), y, x, y, 10, "broken")
    with pytest.raises(ModelError, match=r"broken test: expected int64 labels \(4,\), got int32"):
        Split(x, y, x, y.astype(np.int32), 10, "broken")
    with pytest.raises(ModelError, match=r"broken train: expected labels 0..1, got 0..3"):
        Split(x, np.arange(4), x, y, 2, "broken")
