from __future__ import annotations

from pathlib import Path

import pytest

from flows import environment
from flows.errors import FlowError


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_THREADS", "3")
    assert environment.threads() == 3
    monkeypatch.delenv("HOLDFAST_THREADS")
    assert environment.threads() == 1
    monkeypatch.setenv("HOLDFAST_THREADS", "all")
    with pytest.raises(FlowError, match="^HOLDFAST_THREADS: expected a whole number from 1 to 4096, got 'all'$"):
        environment.threads()


def test_what_networks_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("HOLDFAST_DEVICE", "HOLDFAST_DEVICES", "HOLDFAST_PRECISION")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert (environment.device(), environment.devices(), environment.precision()) == ("cpu", 1, "float32")
    for name, value in zip(names, ("auto", "2", "bfloat16"), strict=True):
        monkeypatch.setenv(name, value)
    assert (environment.device(), environment.devices(), environment.precision()) == ("auto", 2, "bfloat16")
    monkeypatch.setenv("HOLDFAST_DEVICE", "gpu")
    with pytest.raises(FlowError, match="^HOLDFAST_DEVICE: expected one of cpu, cuda, auto, got 'gpu'$"):
        environment.device()
    monkeypatch.setenv("HOLDFAST_DEVICES", "0")
    with pytest.raises(FlowError, match="^HOLDFAST_DEVICES: expected a whole number from 1 to 64, got '0'$"):
        environment.devices()


def test_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert environment.cxx() == (str(compiler),)
    monkeypatch.setenv("CXX", "c++ -O1")
    assert environment.cxx() == (str(compiler), "-O1")
    monkeypatch.setenv("CXX", "icc")
    with pytest.raises(FlowError, match=r"found none \(icc\): run apt-get install g\+\+$"):
        environment.cxx()


def test_tools_see_what_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "1")
    assert environment.for_tools(B=Path("x")).items() >= {"A": "1", "B": "x"}.items()


def test_a_compiler_that_no_shell_could_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", '"g++')
    with pytest.raises(FlowError, match="^CXX: expected a command such as .*: No closing quotation; mend it$"):
        environment.cxx()
