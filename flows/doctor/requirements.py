"""What Holdfast asks of the Python package index: pyproject.toml of a checkout, or the installed metadata."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Requirement:
    """`specifier`: such as `>=2.4,<3`; `extra`: the optional group it belongs to, empty for what is always needed."""

    name: str
    specifier: str
    extra: str = ""


def requirements(root: Path = ROOT) -> list[Requirement]:
    """In the order of the file; none where neither it nor the metadata is there."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return [parse(line) for line in _installed()]
    lines = list(project.get("dependencies", []))
    lines += [f"{line}; extra == '{extra}'" for extra, group in _extras(project) for line in group]
    return [parse(line) for line in lines]


def _extras(project: dict) -> list[tuple[str, list[str]]]:
    return list(project.get("optional-dependencies", {}).items())


def _installed() -> list[str]:
    try:
        return metadata.requires("holdfast") or []
    except metadata.PackageNotFoundError:
        return []


def parse(line: str) -> Requirement:
    """`name>=1,<2; extra == 'sim'` as metadata writes it."""
    text, _, marker = line.partition(";")
    name, specifier = re.fullmatch(r"\s*([A-Za-z0-9._-]+)\s*(.*?)\s*", text).groups()
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
    return Requirement(name.lower(), specifier, extra[1] if extra else "")


def allows(specifier: str, version: str) -> bool:
    """Whether a version is one that `specifier` names; a build such as `+cpu` is the version's own."""
    return all(_holds(clause.strip(), version) for clause in specifier.split(",") if clause.strip())


def _holds(clause: str, version: str) -> bool:
    operator, wanted = re.fullmatch(r"(==|>=|<=|<|>|!=|~=)\s*(.+)", clause).groups()
    have, want = _release(version), _release(wanted)
    length = max(len(have), len(want))
    have, want = (release + (0,) * (length - len(release)) for release in (have, want))
    order = {"==": have == want, "!=": have != want, ">=": have >= want, "<=": have <= want, "<": have < want}
    return order.get(operator, have > want)


def _release(version: str) -> tuple[int, ...]:
    """Numbers of a version, those of a post-release with them, without the local build."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))
