"""docs/architecture.md names every room of the house, and none that is not there; its examples are JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("brevitas_models", "flows", "hw")
MADE = {"runs", "build", "dist"}  # by a user, not by us


def named() -> set[str]:
    """What the first column of the room table names, without the slash of a folder."""
    table = PAGE.read_text().partition("| room |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name.rstrip("/") for cell in cells for name in re.findall("`([^`]+)`", cell)}


def holds_files(folder: Path) -> bool:
    return any(path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*"))


def rooms() -> set[str]:
    """Modules and folders right inside a package, and the repository's other folders."""
    found = {path for path in ROOT.iterdir() if path.name not in MADE | set(PACKAGES) and not path.name.startswith(".")}
    found = {path for path in found if path.is_dir() and path.suffix != ".egg-info"}
    for package in PACKAGES:
        for path in (ROOT / package).iterdir():
            if path.is_dir() or (path.suffix == ".py" and path.name != "__init__.py"):
                found.add(path)
    kept = {path for path in found if path.name != "__pycache__" and (path.is_file() or holds_files(path))}
    return {path.relative_to(ROOT).as_posix() for path in kept}


def test_every_room_is_on_the_map() -> None:
    heads = {name.partition("/<")[0] for name in named()}
    assert sorted(rooms() - heads) == []


def test_every_room_on_the_map_is_there() -> None:
    absent = [name for name in named() if not list(ROOT.glob(re.sub("<[^>]+>", "*", name)))]
    assert absent == []


def test_the_examples_are_json() -> None:
    examples = re.findall(r"^\* `([a-z]+\.json)`(?: \([^)]*\))?: `(.*?)`", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) == 7
    for name, text in examples:
        assert isinstance(json.loads(" ".join(text.split("\n"))), dict), name


def test_stages_and_their_files_are_on_the_map() -> None:
    from flows.stages import STAGES

    table = PAGE.read_text().partition("| stage | writes |")[2].partition("\n\n")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [stage.name for stage in STAGES]
