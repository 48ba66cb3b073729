from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.run import digest


def test_code_is_source_not_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("1")
    first = digest.of_code(("room",), tmp_path)
    (tmp_path / "room" / "a.pyc").write_text("cache")
    assert digest.of_code(("room",), tmp_path) == first
    (tmp_path / "room" / "b.sv").write_text("module b; endmodule")
    second = digest.of_code(("room",), tmp_path)
    (tmp_path / "room" / "a.py").write_text("2")
    assert len({first, second, digest.of_code(("room",), tmp_path)}) == 3


def test_absent_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="^room: expected a package's source, found none; the installation is"):
        digest.of_code(("room",), tmp_path)


def test_versions() -> None:
    assert digest.versions(("no-such-distribution",)) == {"no-such-distribution": "absent"}
    assert digest.versions(("numpy",))["numpy"].count(".") == 2


def test_values_do_not_depend_on_the_order_of_keys() -> None:
    assert digest.of_value({"a": 1, "b": 2}) == digest.of_value({"b": 2, "a": 1}) != digest.of_value({"a": 2, "b": 1})
