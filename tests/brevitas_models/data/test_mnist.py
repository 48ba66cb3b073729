from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import load, mnist
from brevitas_models.errors import ModelError

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_files = pytest.mark.skipif(
    not any((folder / f"{name}.gz").exists() for folder in (DATA, DATA / "mnist") for name in mnist.FILES),
    reason=f"the MNIST files are not in {DATA}; set HOLDFAST_DATA",
)


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny data set in MNIST's format, and checksums to match: three packed files and a raw one."""
    random, files = np.random.default_rng(0), {}
    for name, (shape, _, _) in mnist.FILES.items():
        shape = (12 if "train" in name else 5, *shape[1:])
        content = idx(random.integers(0, 10, shape, dtype=np.uint8))
        packed = gzip.compress(content, mtime=0)
        files[name] = (shape, hashlib.md5(packed).hexdigest(), hashlib.md5(content).hexdigest())
        raw = name.startswith("t10k-labels")
        (tmp_path / (name if raw else f"{name}.gz")).write_bytes(content if raw else packed)
    monkeypatch.setattr(mnist, "FILES", files)
    return tmp_path


@needs_files
def test_the_official_files() -> None:
    split = load(DataConfig(Dataset.MNIST, str(DATA)))
    assert split.train_x.shape == (60000, 1, 28, 28) and split.test_x.shape == (10000, 1, 28, 28)
    assert split.train_y[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert np.bincount(split.test_y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_packed_and_raw_files_are_read(stand_in: Path) -> None:
    split = mnist.load(str(stand_in))
    assert split.train_x.shape == (12, 1, 28, 28) and split.test_y.shape == (5,)
    assert split.input_shape == (1, 28, 28) and split.name == "mnist"


def test_a_folder_named_mnist_is_found(stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("data")
    (above / "mnist").symlink_to(stand_in)
    assert mnist.load(str(above)).sha256 == mnist.load(str(stand_in)).sha256


def test_a_cut_file_is_refused(stand_in: Path) -> None:
    path = stand_in / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"images-idx3-ubyte.gz: expected MD5 \w{32}, got \w{32} .*fetch it again"):
        mnist.load(str(stand_in))


def test_missing_files_are_named(stand_in: Path) -> None:
    (stand_in / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ModelError, match="t10k-labels-idx1-ubyte .*not all are there; fetch them"):
        mnist.load(str(stand_in))


def test_no_directory_is_refused() -> None:
    with pytest.raises(ModelError, match="mnist: expected data.directory"):
        load(DataConfig(Dataset.MNIST))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"PK\x03\x04" + bytes(20), "expected IDX magic 00000801, got 504b0304; fetch it again"),
        (idx(np.zeros((3, 3), np.uint8)), "expected IDX magic 00000801, got 00000802"),
        (idx(np.zeros(3, np.uint8))[:6], "expected 8 header bytes, got 6"),
        (idx(np.zeros(4, np.uint8)), r"expected shape \(3,\), got \(4,\)"),
        (idx(np.zeros(3, np.uint8))[:-1], "expected 11 bytes, got 10"),
        (idx(np.zeros(3, np.uint8)) + b"x", "expected 11 bytes, got 12"),
        (b"", "expected IDX magic 00000801, got ;"),
    ],
)
def test_idx_that_lies_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(ModelError, match=f"there: {text}"):
        mnist.parse_idx(content, (3,), "there")


def test_idx_order_is_row_major() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(mnist.parse_idx(idx(array), (2, 3, 4), ""), array)
