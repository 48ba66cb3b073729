"""Python packages: there, of the version that was tried, and with the module that we import."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

from flows.doctor.finding import Finding, State
from flows.doctor.requirements import ROOT, Requirement, allows, requirements

GROUP = "Python packages"
NEEDED = ("", "train", "compile", "sim", "synth")
"""Extras without which the open flow does not run."""
PURPOSE = {
    "": "every command",
    "train": "training, attacks on the twin, export",
    "compile": "compiling, the finn rung, build-amd",
    "attack": "attacks of another implementation, to check ours against",
    "sim": "the circuit's simulation, the rtl and netlist rungs",
    "synth": "synthesis, place and route, the bitstream",
    "test": "the tests",
}
NOT_NEEDED = {
    "scipy": "reading SVHN's files",
    "kaldi-native-fbank": "features of speech",
}
MODULES = {
    "scikit-learn": "sklearn",
    "finn-plus": "finn.transformation",
    "adversarial-robustness-toolbox": "art",
    "pytest-xdist": "xdist",
    "pyserial": "serial",
}
WITHOUT_DEPENDENCIES = ("finn-plus", "brevitas", "torch")
"""A resolver that is asked for these changes torch to another build."""
IMPORT_SECONDS = 120


def find_packages(deep: bool = False) -> list[Finding]:
    """`deep`: each is imported too, in a process of its own."""
    seen: dict[str, Requirement] = {}
    for requirement in requirements():
        seen.setdefault(requirement.name, requirement)
    return [_find(requirement, deep) for requirement in seen.values()]


def _find(requirement: Requirement, deep: bool) -> Finding:
    state, detail = _state(requirement, deep)
    enables = NOT_NEEDED.get(requirement.name) or PURPOSE.get(requirement.extra, requirement.extra)
    needed = requirement.extra in NEEDED and requirement.name not in NOT_NEEDED
    return Finding(requirement.name, GROUP, state, detail, enables, _command(requirement), needed)


def _state(requirement: Requirement, deep: bool) -> tuple[State, str]:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return State.MISSING, ""
    module = MODULES.get(requirement.name, requirement.name.replace("-", "_"))
    if not _importable(module):
        return State.BROKEN, f"{version} without its module {module}"
    if deep and (why := _import_error(module)):
        return State.BROKEN, f"{version} does not import: {why}"
    if not allows(requirement.specifier, version):
        return State.OTHER_VERSION, f"{version}; tried with {requirement.specifier}"
    return State.FOUND, version


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _import_error(module: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", f"import {module}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it took longer than {IMPORT_SECONDS} s"
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else lines[-1] if lines else f"exit status {done.returncode}"


def _command(requirement: Requirement) -> str:
    if (ROOT / "setup" / "setup.sh").is_file() and requirement.extra in (*NEEDED, "attack", "test"):
        return "make setup"
    alone = ["--no-deps"] if requirement.name in WITHOUT_DEPENDENCIES else []
    return shlex.join(["pip", "install", *alone, requirement.name + requirement.specifier])
