from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import load, svhn
from brevitas_models.errors import ModelError

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_files = pytest.mark.skipif(
    not any((DATA / "svhn" / name).is_file() for name in (svhn.TEST, svhn.PART)),
    reason=f"SVHN is not in {DATA}; set HOLDFAST_DATA",
)


def matlab(**matrices: np.ndarray) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, matrices)
    return file.getvalue()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3, 10), dtype=np.uint8)


@needs_files
def test_the_original_files() -> None:
    split = load(DataConfig(Dataset.SVHN, str(DATA)))
    assert split.train_x.shape[1:] == (3, 32, 32) and split.classes == 10
    if split.name == "svhn[part]":
        assert len(split.train_x) == 8000 and len(split.test_x) == 2000
        assert (np.bincount(split.train_y) + np.bincount(split.test_y))[1] == 1968  # ones come most often


def test_ten_is_zero_and_axes_are_turned(pictures: np.ndarray, tmp_path: Path) -> None:
    labels = np.array([[10], [1], [2], [3], [4], [5], [6], [7], [8], [9]])
    (tmp_path / svhn.PART).write_bytes(matlab(X=pictures, y=labels))
    split = svhn.load(str(tmp_path))
    assert split.name == "svhn[part]" and split.test_y.tolist() == [0, 5]
    assert split.train_y.tolist() == [1, 2, 3, 4, 6, 7, 8, 9]
    assert np.array_equal(split.test_x[1], pictures[..., 5].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (lambda x: b"no matlab", "expected a MATLAB file"),
        (lambda x: matlab(X=x), "expected a MATLAB file with X and y"),
        (lambda x: matlab(X=x[:16], y=np.ones((10, 1))), "expected X uint8"),
        (lambda x: matlab(X=x, y=np.zeros((10, 1))), r"expected labels 1\.\.10"),
        (lambda x: matlab(X=x, y=np.ones((10, 1)))[:2000], "expected a MATLAB file"),
    ],
)
def test_damaged_files_are_refused(pictures: np.ndarray, tmp_path: Path, content, expected: str) -> None:
    (tmp_path / svhn.PART).write_bytes(content(pictures))
    with pytest.raises(ModelError, match=expected):
        svhn.load(str(tmp_path))


def test_a_wrong_checksum_and_missing_files(pictures: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holdfast data fetch svhn"):
        svhn.load(str(tmp_path))
    (tmp_path / svhn.TEST).write_bytes(b"")
    with pytest.raises(ModelError, match="not both are there"):
        svhn.load(str(tmp_path))
    (tmp_path / svhn.TRAIN).write_bytes(matlab(X=pictures, y=np.ones((10, 1))))
    with pytest.raises(ModelError, match="expected MD5 e26dedcc"):
        svhn.load(str(tmp_path))
