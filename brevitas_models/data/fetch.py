"""Downloads original data files: checksums first, then the name."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path

from brevitas_models.data import cifar10, mnist, speech, svhn
from brevitas_models.errors import ModelError

TIMEOUT_S = 60

# data set: places that hold all of its files
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/",),
    "svhn": ("http://ufldl.stanford.edu/housenumbers/",),
    "speech": (
        "https://storage.googleapis.com/download.tensorflow.org/data/",
        "http://download.tensorflow.org/data/",
    ),
}
# data set: file -> MD5 (32 digits) or SHA-256 (64)
CHECKSUMS = {
    "mnist": {f"{name}.gz": packed for name, (_, packed, _) in mnist.FILES.items()},
    "cifar10": {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    "svhn": svhn.MD5,
    "speech": {speech.FULL: "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df"},
}
# archive -> those of its members that are unpacked beside it
MEMBERS = {
    "cifar-10-binary.tar.gz": tuple(f"cifar-10-batches-bin/{name}.bin" for name in (*cifar10.BATCHES, cifar10.TEST))
}


def _digest(path: Path, expected: str) -> str:
    """Of the kind that `expected` has by its length."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5" if len(expected) == 32 else "sha256").hexdigest()


def _download(url: str, target: Path, expected: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            shutil.copyfileobj(answer, file)
        digest = _digest(partial, expected)
        if digest != expected:
            raise ModelError(f"{url}: expected checksum {expected}, got {digest} ({partial.stat().st_size} bytes)")
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def fetch(name: str, directory: Path, mirrors: Sequence[str] | None = None) -> list[Path]:
    """Downloads the files of data set `name` into `directory`/`name`; those already there and right are kept.

    A file gets its name only when whole and right, so a cut download leaves nothing behind; what a reader needs out
    of an archive is unpacked beside it. `mirrors`: base URLs to try in order (default: MIRRORS). Returns the files.
    Raises ModelError for an unknown set, or where no mirror gives the original bytes.
    """
    if name not in CHECKSUMS:
        raise ModelError(f"fetch: expected one of {', '.join(CHECKSUMS)}, got {name!r}")
    folder = Path(directory) / name
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for file, expected in CHECKSUMS[name].items():
        target = folder / file
        files.append(target)
        if not (target.is_file() and _digest(target, expected) == expected):
            _from_mirrors(file, target, expected, mirrors if mirrors is not None else MIRRORS[name])
        files += _unpack(target, MEMBERS.get(file, ()))
    return files


def _from_mirrors(file: str, target: Path, expected: str, mirrors: Sequence[str]) -> None:
    failures = []
    for base in mirrors:
        try:
            return _download(base + file, target, expected)
        except (urllib.error.URLError, OSError, ModelError) as error:
            failures.append(f"{base}: {error}")
    raise ModelError(f"fetch {file}: no mirror gave the original; {'; '.join(failures) or 'none to ask'}")


def _unpack(archive: Path, members: Sequence[str]) -> list[Path]:
    """Copies `members` of the archive into its folder, each under its final name only when whole."""
    targets = [archive.parent / member for member in members]
    if all(target.is_file() for target in targets):
        return targets
    try:
        with tarfile.open(archive) as tar, tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            for member, target in zip(members, targets, strict=True):
                partial = Path(scratch) / target.name
                with tar.extractfile(member) as source, partial.open("wb") as file:
                    shutil.copyfileobj(source, file)
                target.parent.mkdir(exist_ok=True)
                partial.replace(target)
    except (tarfile.TarError, zlib.error, EOFError, KeyError, AttributeError) as error:
        raise ModelError(f"{archive}: expected an archive with {', '.join(members)}, got {error!r}") from error
    return targets
