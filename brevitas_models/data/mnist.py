"""MNIST (LeCun, Cortes, Burges) from its four original IDX files, compressed or not."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from math import prod
from pathlib import Path

import numpy as np

from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError

AGAIN = "fetch it again"
HOW = "fetch them with holdfast data fetch mnist --to DIR, then name that folder with --data DIR or HOLDFAST_DATA"

# name: shape, MD5 of the original .gz, MD5 of what it unpacks to
FILES = {
    "train-images-idx3-ubyte": (
        (60000, 28, 28),
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "6bbc9ace898e44ae57da46a324031adb",
    ),
    "train-labels-idx1-ubyte": ((60000,), "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (
        (10000, 28, 28),
        "9fb629c4189551a2d022fa330f9573f3",
        "2646ac647ad5339dbf082846283269ea",
    ),
    "t10k-labels-idx1-ubyte": ((10000,), "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
}


def parse_idx(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    """IDX bytes -> uint8 array of exactly `shape`. Raises ModelError for another magic, shape or length."""
    header = 4 + 4 * len(shape)
    magic = bytes([0, 0, 8, len(shape)])
    if content[:4] != magic:
        raise ModelError(f"{where}: expected IDX magic {magic.hex()}, got {content[:4].hex()}; {AGAIN}")
    if len(content) < header:
        raise ModelError(f"{where}: expected {header} header bytes, got {len(content)}; {AGAIN}")
    found = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if found != shape:
        raise ModelError(f"{where}: expected shape {shape}, got {found}; {AGAIN}")
    if len(content) != header + prod(shape):
        raise ModelError(f"{where}: expected {header + prod(shape)} bytes, got {len(content)}; {AGAIN}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def find(directory: Path) -> Path:
    """The folder that holds the files: `directory`, or `directory/mnist`. Raises ModelError if neither does."""
    for folder in (directory, directory / "mnist"):
        if all((folder / f"{name}.gz").is_file() or (folder / name).is_file() for name in FILES):
            return folder
    raise ModelError(
        f"mnist: expected {', '.join(FILES)} (or .gz) in {directory} or {directory / 'mnist'}, but not all are there; "
        f"{HOW}"
    )


def read(folder: Path, name: str) -> np.ndarray:
    """One of FILES, from `name.gz` or `name`, its checksum compared with the original's before it is unpacked."""
    shape, packed_md5, raw_md5 = FILES[name]
    path = folder / f"{name}.gz"
    packed = path.is_file()
    path = path if packed else folder / name
    try:
        content = path.read_bytes()
        digest, expected = hashlib.md5(content).hexdigest(), packed_md5 if packed else raw_md5
        if digest != expected:
            raise ModelError(f"{path}: expected MD5 {expected}, got {digest} ({len(content)} bytes); {AGAIN}")
        return parse_idx(gzip.decompress(content) if packed else content, shape, str(path))
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"{path}: expected a readable IDX file, got {error}; {AGAIN}") from error


def load(directory: str) -> Split:
    """60,000 training and 10,000 test pictures (N, 1, 28, 28), 10 classes. Raises ModelError for wrong files."""
    if not directory:
        raise ModelError(f"mnist: expected data.directory, the folder of the four IDX files, got none; {HOW}")
    folder = find(Path(directory))
    train_x, train_y, test_x, test_y = (read(folder, name) for name in FILES)
    return Split(
        train_x[:, None].copy(), train_y.astype(np.int64), test_x[:, None].copy(), test_y.astype(np.int64), 10, "mnist"
    )
