"""Finds and reads original files: packed or not, whole or with a clear error."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from brevitas_models.errors import ModelError


def search(name: str, directory: str, folders: Iterable[str], wanted: Callable[[Path], bool], expected: str) -> Path:
    """The first of `directory` and its sub-folders `folders` for which `wanted` holds.

    Raises ModelError, with `expected` in it, where none does or no directory was named.
    """
    how = f"fetch them with holdfast data fetch {name} --to DIR, then name that folder with --data DIR or HOLDFAST_DATA"
    if not directory:
        raise ModelError(f"{name}: expected data.directory, the folder of {expected}, got none; {how}")
    places = [Path(directory), *(Path(directory) / folder for folder in folders)]
    for place in places:
        if wanted(place):
            return place
    raise ModelError(f"{name}: expected {expected} in {' or '.join(map(str, places))}, but it is not there; {how}")


def packed(folder: Path, name: str) -> Path | None:
    """`folder/name`, or `folder/name.xz` where only that is there; None where neither is."""
    return next((path for path in (folder / name, folder / f"{name}.xz") if path.is_file()), None)


def unpack(path: Path, limit: int, md5: str | None) -> bytes:
    """The whole content of a file of at most `limit` bytes, unpacked where its name ends in `.xz`.

    `md5`: of the unpacked original, None where it is not known. Raises ModelError for an unreadable, too large or
    different file.
    """
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ModelError(f"{path}: expected a readable file, got {error}; fetch it again") from error
    if len(content) > limit:
        raise ModelError(f"{path}: expected at most {limit} bytes, got more; fetch it again")
    digest = hashlib.md5(content).hexdigest()
    if md5 is not None and digest != md5:
        raise ModelError(f"{path}: expected MD5 {md5}, got {digest} ({len(content)} bytes); fetch it again")
    return content


def one_of(names: Sequence[str]) -> Callable[[Path], bool]:
    """True for a folder that holds any of `names`, packed or not."""
    return lambda folder: any(packed(folder, name) is not None for name in names)
