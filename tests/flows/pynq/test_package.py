"""The package as it runs on a board: its own files and numpy only, and the protocol that attacks speak."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.pynq.package import BOARD_FILES
from flows.remote.client import RemoteTarget
from flows.targets.onnx_target import OnnxTarget
from hw.identity import identity
from tests.flows.pynq.conftest import STAND_IN, change_bitfile

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a token of enough characters"


def start(package: Path, *options: str) -> subprocess.Popen:
    """The server in the package's folder; of the repository it sees `hw`, which the stand-in of the circuit needs."""
    circuit = package.parent / "circuit"
    circuit.mkdir(exist_ok=True)
    if not (circuit / "hw").exists():
        (circuit / "hw").symlink_to(ROOT / "hw")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(STAND_IN), str(circuit)]), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "flows.pynq.serve", "--port", "0", *options]
    return subprocess.Popen(
        command, cwd=package, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def serving(package: Path) -> Iterator[str]:
    """Its address."""
    token = package / "token"
    token.write_text(TOKEN + "\n")
    with start(package, "--token-file", str(token)) as process:
        try:
            assert process.stdout.readline() == "8 stored images: scores as the golden model's\n"
            greeting = process.stdout.readline()
            assert greeting.startswith("serving Pynq-Z1, network "), process.stderr.read()
            yield greeting.rpartition(" ")[2].strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_attacks_reach_the_board_over_the_network(package: Path, dataflow, images: np.ndarray) -> None:
    with serving(package) as address:
        with RemoteTarget(address, TOKEN) as target:
            assert target.network == identity(dataflow)
            assert np.array_equal(target.predict(images), OnnxTarget(dataflow).predict(images))
        with pytest.raises(FlowError, match="token"):
            RemoteTarget(address, "another token than that", attempts=1).predict(images)


def test_a_circuit_that_computes_something_else_is_not_served(package: Path) -> None:
    change_bitfile(package, wrong=-1)
    with start(package) as process:
        out, error = process.communicate(timeout=60)
    assert process.returncode == 1 and not out
    assert error.startswith("holdfast: 8 of 8 images get other scores") and error.count("\n") == 1


def test_check_only_checks(package: Path) -> None:
    with start(package, "--check") as process:
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (0, "8 stored images: scores as the golden model's\n", "")


def test_a_board_needs_python_3_10_numpy_and_pynq_only() -> None:
    inside = {f"flows.{name.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__") for name in BOARD_FILES}
    for name in BOARD_FILES:
        tree = ast.parse((ROOT / "flows" / name).read_text(), feature_version=(3, 10))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for imported in names:
                package = imported.partition(".")[0]
                known = package in sys.stdlib_module_names or package in ("numpy", "pynq") or imported in inside
                assert known, f"{name} imports {imported}"


def test_the_package_is_those_files_and_says_how_to_start(package: Path) -> None:
    code = {path.relative_to(package / "flows").as_posix() for path in (package / "flows").rglob("*.py")}
    assert code == set(BOARD_FILES)
    readme = (package / "README.md").read_text()
    assert "finn-accel.bit and finn-accel.hwh" in readme and "python3 -m flows.pynq.serve" in readme
    assert json.loads((package / "package.json").read_text())["board"] == "Pynq-Z1"
