"""SVHN, cropped digits (Netzer et al. 2011), from the original MATLAB files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import scipy.io

from brevitas_models.data import folder
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError

TRAIN, TEST, PART = "train_32x32.mat", "test_32x32.mat", "test_32x32_first10000.mat"
MD5 = {TRAIN: "e26dedcc434d2e4c54c9b2d4a06d8373", TEST: "eb5a983be6a315427106f1b164d9cef3"}
LIMIT = 512 << 20
PART_TEST = 5  # of the part of the test file, every fifth picture is for testing


def parse(content: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A .mat file -> uint8 (N, 3, 32, 32), int64 (N,) with digit 0 as class 0 (the file stores it as 10).

    Raises ModelError for any other content.
    """
    try:
        matrices = scipy.io.loadmat(io.BytesIO(content), variable_names=["X", "y"])
        x, y = matrices["X"], matrices["y"].reshape(-1).astype(np.int64)
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ModelError(f"{where}: expected a MATLAB file with X and y, got {error!r}; fetch it again") from error
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[:3] != (32, 32, 3) or y.shape != x.shape[3:]:
        raise ModelError(f"{where}: expected X uint8 (32, 32, 3, N) and N labels, got {x.dtype} {x.shape}, {y.shape}")
    if not len(y) or y.min() < 1 or y.max() > 10:
        raise ModelError(f"{where}: expected labels 1..10, got others; fetch it again")
    return np.ascontiguousarray(x.transpose(3, 2, 0, 1)), y % 10


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    return parse(folder.unpack(path, LIMIT, MD5.get(path.name)), str(path))


def load(directory: str) -> Split:
    """73,257 training and 26,032 test pictures (N, 3, 32, 32), 10 classes.

    Where only `test_32x32_first10000.mat` is there (the first 10,000 pictures of the test file), it is split: every
    fifth picture is for testing, and `name` is `svhn[part]`: no official-split accuracy. Raises ModelError for
    missing or damaged files.
    """
    place = folder.search("svhn", directory, ("svhn",), folder.one_of((TEST, PART)), f"{TRAIN} and {TEST}")
    train, test, part = (folder.packed(place, name) for name in (TRAIN, TEST, PART))
    if train is not None and test is not None:
        return Split(*_read(train), *_read(test), 10, "svhn")
    if part is None:
        raise ModelError(f"svhn: expected {TRAIN} and {TEST} in {place}, but not both are there; fetch them again")
    x, y = _read(part)
    held = np.arange(len(y)) % PART_TEST == 0
    return Split(x[~held], y[~held], x[held], y[held], 10, "svhn[part]")
