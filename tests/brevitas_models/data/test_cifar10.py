from __future__ import annotations

import lzma
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import cifar10, load, pickled
from brevitas_models.errors import ModelError

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_files = pytest.mark.skipif(
    not (DATA / "cifar-10-batches-bin").is_dir(), reason=f"CIFAR-10 is not in {DATA}; set HOLDFAST_DATA"
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Batches of four pictures and no checksums: pixels (4, 3072), labels (4,)."""
    monkeypatch.setattr(cifar10, "IMAGES", 4)
    monkeypatch.setattr(cifar10, "BINARY_MD5", {})
    monkeypatch.setattr(cifar10, "PYTHON_MD5", dict.fromkeys(cifar10.PYTHON_MD5))
    random = np.random.default_rng(0)
    return random.integers(0, 256, (4, 3072), dtype=np.uint8), np.array([3, 0, 9, 7])


def binary(few: tuple[np.ndarray, np.ndarray]) -> bytes:
    pixels, labels = few
    return np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1).tobytes()


def python(few: tuple[np.ndarray, np.ndarray]) -> bytes:
    """As the original: a protocol 2 pickle with byte-string keys."""
    pixels, labels = few
    return pickle.dumps({b"batch_label": b"one", b"labels": labels.tolist(), b"data": pixels}, protocol=2)


@needs_files
def test_the_official_files() -> None:
    split = load(DataConfig(Dataset.CIFAR10, str(DATA), train_images=10_000))
    assert split.train_x.shape == (10_000, 3, 32, 32) and split.test_x.shape == (10_000, 3, 32, 32)
    assert split.train_y[:8].tolist() == [6, 9, 9, 4, 1, 1, 2, 7]  # frog, truck, truck, deer, automobile, ...
    assert np.bincount(split.test_y).tolist() == [1000] * 10
    assert split.train_x[0, :, 0, 0].tolist() == [59, 62, 63]  # red, green, blue of the frog's first pixel


def test_both_versions_give_the_same(few: tuple, tmp_path: Path) -> None:
    for version, content, suffix in (("bin", binary(few), ".bin"), ("py", python(few), "")):
        (tmp_path / f"cifar-10-batches-{version}").mkdir(parents=True)
        for name in (*cifar10.BATCHES, cifar10.TEST):
            (tmp_path / f"cifar-10-batches-{version}" / f"{name}{suffix}").write_bytes(content)
    first = cifar10.load(str(tmp_path / "cifar-10-batches-bin"))
    assert first.name == "cifar10" and first.train_x.shape == (20, 3, 32, 32) and first.test_y.tolist() == [3, 0, 9, 7]
    assert first.sha256 == cifar10.load(str(tmp_path / "cifar-10-batches-py")).sha256
    assert np.array_equal(first.test_x.reshape(4, -1), few[0])


def test_some_packed_batches_are_a_named_part(few: tuple, tmp_path: Path) -> None:
    for name in ("data_batch_2", "test_batch"):
        (tmp_path / f"{name}.bin.xz").write_bytes(lzma.compress(binary(few)))
    split = cifar10.load(str(tmp_path))
    assert split.name == "cifar10[1/5]" and split.train_y.tolist() == [3, 0, 9, 7]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("test_batch.bin", lambda good: good[:-1], "expected 12292 bytes, got 12291"),
        ("test_batch.bin", lambda good: b"\x0a" + good[1:], r"labels 0\.\.9, got 0\.\.10"),
        ("test_batch.bin", lambda good: good + b"\0", "expected at most 12292 bytes"),
        ("test_batch.bin.xz", lambda good: lzma.compress(good)[:-9], "expected a readable file"),
        ("test_batch", lambda good: b"", "expected plain values"),
    ],
)
def test_damaged_batches_are_refused(few: tuple, tmp_path: Path, name: str, content, expected: str) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(binary(few))
    (tmp_path / name).write_bytes(content(binary(few)))
    if name == "test_batch":
        (tmp_path / "test_batch.bin").unlink(missing_ok=True)
    with pytest.raises(ModelError, match=expected):
        cifar10.load(str(tmp_path))


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(bytes(cifar10.IMAGES * cifar10.RECORD))
    with pytest.raises(ModelError, match="expected MD5 5dd7e06a"):
        cifar10.load(str(tmp_path))


class _Hostile:
    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/holdfast-was-here",)


def test_a_hostile_pickle_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    content = pickle.dumps({b"data": _Hostile()}, protocol=2)
    monkeypatch.setattr("posix.system", lambda command: pytest.fail("it ran"))
    with pytest.raises(ModelError, match="it names posix.system"):
        pickled.load(content, "file")


@pytest.mark.parametrize("value", [np.zeros(3, np.float32), np.array([object()])])
def test_only_arrays_of_bytes_are_read(value: np.ndarray) -> None:
    with pytest.raises(ModelError, match="expected plain values"):
        pickled.load(pickle.dumps(value, protocol=2), "file")


def test_missing_files_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holdfast data fetch cifar10"):
        cifar10.load(str(tmp_path))
    with pytest.raises(ModelError, match="expected data.directory"):
        cifar10.load("")
