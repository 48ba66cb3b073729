"""CIFAR-10 (Krizhevsky 2009), from its original batches: the binary version or the python one, xz-packed or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brevitas_models.data import folder, pickled
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError

SHAPE = (3, 32, 32)
RECORD = 1 + 3072  # label, then red, green, blue planes row by row
IMAGES = 10_000  # of a batch
BATCHES = tuple(f"data_batch_{index}" for index in range(1, 6))
TEST = "test_batch"
FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar10", "cifar10/cifar-10-batches-bin")
FOLDERS += ("cifar10/cifar-10-batches-py",)
PYTHON_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
#: Of those binary batches whose sum is known; the length and every label of the others are checked.
BINARY_MD5 = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}


def parse_binary(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A binary batch -> uint8 (10000, 3, 32, 32), int64 (10000,). Raises ModelError for other lengths or labels."""
    if len(content) != IMAGES * RECORD:
        raise ModelError(f"{where}: expected {IMAGES * RECORD} bytes, got {len(content)}; fetch it again")
    records = np.frombuffer(content, np.uint8).reshape(IMAGES, RECORD)
    return _checked(records[:, 1:], records[:, 0], where)


def parse_python(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A python batch (a pickle, read by a restricted reader) -> the same arrays. Raises ModelError likewise."""
    batch = pickled.load(content, where)
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        raise ModelError(f"{where}: expected a dictionary with data and labels; fetch it again")
    data, labels = batch[b"data"], np.asarray(batch[b"labels"])
    good = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.shape == (IMAGES, RECORD - 1)
    if not good or labels.shape != (IMAGES,) or labels.dtype.kind not in "iu":
        raise ModelError(f"{where}: expected uint8 data ({IMAGES}, {RECORD - 1}) and {IMAGES} labels; fetch it again")
    return _checked(data, labels, where)


def _checked(pixels: np.ndarray, labels: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    if labels.min() < 0 or labels.max() > 9:
        raise ModelError(f"{where}: expected labels 0..9, got {labels.min()}..{labels.max()}; fetch it again")
    return pixels.reshape(IMAGES, *SHAPE), labels.astype(np.int64)


def read(place: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Batch `name` of the folder, whichever version it holds. Raises ModelError where it is missing or damaged."""
    binary, python = folder.packed(place, f"{name}.bin"), folder.packed(place, name)
    if binary is not None:
        content = folder.unpack(binary, IMAGES * RECORD, BINARY_MD5.get(name))
        return parse_binary(content, str(binary))
    if python is not None:
        return parse_python(folder.unpack(python, 64 << 20, PYTHON_MD5[name]), str(python))
    raise ModelError(f"cifar10: expected {name}.bin or {name} in {place}, but it is not there; fetch it again")


def load(directory: str) -> Split:
    """50,000 training and 10,000 test pictures (N, 3, 32, 32), 10 classes, in the official order.

    Where only some training batches are there, those are the training set, and `name` says how many of the five:
    `cifar10[2/5]`. Raises ModelError for missing or damaged files.
    """
    names = [f"{name}{suffix}" for name in (TEST,) for suffix in (".bin", "")]
    place = folder.search("cifar10", directory, FOLDERS, folder.one_of(names), "the batches of CIFAR-10")
    there = [name for name in BATCHES if folder.packed(place, f"{name}.bin") or folder.packed(place, name)]
    if not there:
        raise ModelError(f"cifar10: expected {BATCHES[0]} to {BATCHES[-1]} in {place}, got none; fetch them again")
    parts = [read(place, name) for name in there]
    test_x, test_y = read(place, TEST)
    name = "cifar10" if len(there) == len(BATCHES) else f"cifar10[{len(there)}/{len(BATCHES)}]"
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Split(images, labels, np.ascontiguousarray(test_x), test_y, 10, name)
