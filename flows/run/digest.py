"""SHA-256 of files, folders of code and plain values."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

from flows.errors import FlowError

PACKAGES = Path(__file__).resolve().parents[2]
_CODE = (".py", ".sv", ".j2", ".cpp", ".lpf", ".toml")


def of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_value(value: object) -> str:
    """Hexadecimal SHA-256 of a JSON-able value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def of_code(rooms: tuple[str, ...], root: Path = PACKAGES) -> str:
    """SHA-256 of the source files named, or in the folders named, relative to `root`. Raises FlowError."""
    files: dict[str, str] = {}
    for room in rooms:
        path = root / room
        sources = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in _CODE]
        if not sources:
            raise FlowError(f"{room}: expected a package's source, found none; the installation is incomplete")
        files |= {file.relative_to(root).as_posix(): of_file(file) for file in sources}
    return of_value(files)


def versions(tools: tuple[str, ...]) -> dict[str, str]:
    """Distribution -> its installed version, `absent` where it is not installed."""
    found = {}
    for tool in tools:
        try:
            found[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            found[tool] = "absent"
    return found
