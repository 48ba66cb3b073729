"""Downloads original data files: checksums first, then the name."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from brevitas_models.data import mnist
from brevitas_models.errors import ModelError

TIMEOUT_S = 60

# data set: places that hold all of its files
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
}
# data set: file -> MD5
CHECKSUMS = {"mnist": {f"{name}.gz": packed for name, (_, packed, _) in mnist.FILES.items()}}


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _download(url: str, target: Path, md5: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            shutil.copyfileobj(answer, file)
        digest = _md5(partial)
        if digest != md5:
            raise ModelError(f"{url}: expected MD5 {md5}, got {digest} ({partial.stat().st_size} bytes)")
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def fetch(name: str, directory: Path, mirrors: Sequence[str] | None = None) -> list[Path]:
    """Downloads the files of data set `name` into `directory`/`name`; those already there and right are kept.

    A file gets its name only when whole and right, so a cut download leaves nothing behind. `mirrors`: base URLs to
    try in order (default: MIRRORS). Returns the files. Raises ModelError for an unknown set, or where no mirror gives
    the original bytes.
    """
    if name not in CHECKSUMS:
        raise ModelError(f"fetch: expected one of {', '.join(CHECKSUMS)}, got {name!r}")
    folder = Path(directory) / name
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for file, md5 in CHECKSUMS[name].items():
        target = folder / file
        files.append(target)
        if target.is_file() and _md5(target) == md5:
            continue
        failures = []
        for base in mirrors if mirrors is not None else MIRRORS[name]:
            try:
                _download(base + file, target, md5)
                break
            except (urllib.error.URLError, OSError, ModelError) as error:
                failures.append(f"{base}: {error}")
        else:
            raise ModelError(f"fetch {file}: no mirror gave the original; {'; '.join(failures) or 'none to ask'}")
    return files
