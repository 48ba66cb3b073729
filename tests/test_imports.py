"""Who may import whom (docs/architecture.md), by walking the syntax trees; an import inside a function counts too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: The tools that a package of ours must do without.
FORBIDDEN = {
    "brevitas_models": {"flows", "hw", "finn"},
    "hw": {"flows", "brevitas_models", "torch", "brevitas", "qonnx", "finn"},
}

#: The rooms of flows up to and with the export: all others run without torch.
WITH_TORCH = (
    "flows/adapters",
    "flows/attack",
    "flows/campaign/torch_twin.py",
    "flows/audit/measures",
    "flows/audit/run.py",
    "flows/ensemble/detection.py",
    "flows/ensemble/evasion.py",
    "flows/ensemble/members.py",
    "flows/ensemble/plane.py",
    "flows/ensemble/run.py",
    "flows/stages/attack.py",
    "flows/stages/export.py",
    "flows/stages/networks.py",
    "flows/stages/subjects.py",
    "flows/stages/train.py",
    "flows/stages/trainings.py",
    "flows/targets/averaged.py",
    "flows/targets/torch_target.py",
)

#: What of brevitas_models is free of torch.
LIGHT = {"brevitas_models.config", "brevitas_models.errors", "brevitas_models.data"}


def imports(source: str) -> Iterator[str]:
    """Dotted names of everything imported: `from a import b` gives `a.b`, because b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide edges; write the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            name = node.args[0]
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            yield ast.literal_eval(name) if isinstance(name, ast.Constant) else "unknown"


def files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def edges(*rooms: str) -> Iterator[tuple[str, str]]:
    for path in files(*rooms):
        for name in imports(path.read_text()):
            yield path.relative_to(ROOT).as_posix(), name


def package(name: str) -> str:
    return name.partition(".")[0]


def within(path: str, rooms: tuple[str, ...]) -> bool:
    return any(path == room or path.startswith(f"{room}/") for room in rooms)


def test_the_walker_sees_every_kind_of_import() -> None:
    source = "import a.b\ndef f():\n    from c.d import e\n    import_module(f'hw.ops.{k}')\n    import_module('x')\n"
    assert sorted(imports(source)) == ["a.b", "c.d.e", "hw.ops.", "x"]


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_packages_do_not_know_each_other(room: str) -> None:
    assert files(room)
    assert [edge for edge in edges(room) if package(edge[1]) in FORBIDDEN[room]] == []


def test_only_the_compiler_imports_finn() -> None:
    rooms = ("flows", "hw", "brevitas_models", "benchmarks")
    importers = {path for path, name in edges(*rooms) if package(name) == "finn"}
    assert importers, "the compiler itself imports finn"
    assert [path for path in sorted(importers) if not within(path, ("flows/compile",))] == []


def test_nothing_after_export_imports_torch() -> None:
    torch = {"torch", "brevitas"}
    assert [edge for edge in edges("flows") if package(edge[1]) in torch and not within(edge[0], WITH_TORCH)] == []


def test_nothing_after_export_reaches_torch_through_our_packages() -> None:
    heavy = [
        (path, name)
        for path, name in edges("flows")
        if not within(path, WITH_TORCH)
        if (package(name) == "brevitas_models" and not any(name.startswith(light) for light in LIGHT))
        or name.startswith("flows.targets.torch_target")
    ]
    assert heavy == []


def test_the_later_half_runs_where_there_is_no_torch() -> None:
    """The same at run time: what the stages after export import, in a process that cannot import torch."""
    modules = [
        *("flows.cli", "flows.compile.compiler", "flows.verify.ladder", "flows.simulate", "flows.synthesize.ecp5"),
        *("flows.attack.hardware", "flows.targets.rtl_target", "flows.targets.onnx_target", "flows.report.page"),
        *("flows.campaign.command", "flows.remote.serve", "flows.remote.client"),
        *("flows.audit.verdict", "flows.audit.record", "flows.audit.table"),
    ]
    program = (
        "import importlib, sys\n"
        "sys.modules |= dict.fromkeys(['torch', 'brevitas'])\n"
        f"for module in {modules}: importlib.import_module(module)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_environment_is_read_in_one_module() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in files("brevitas_models", "hw", "flows")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    ]
    # copied into a build's folder, where there is no Holdfast
    assert set(readers) - {"flows/compile/amd/container_build.py"} == {"flows/environment.py"}


def test_nothing_unpickles() -> None:
    """But for the one restricted reader, which knows three functions and refuses every other name."""
    users = {edge[0] for edge in edges("brevitas_models", "hw", "flows") if package(edge[1]) in {"pickle", "joblib"}}
    assert users == {"brevitas_models/data/pickled.py"}
