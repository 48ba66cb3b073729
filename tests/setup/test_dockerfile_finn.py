"""Builds Dockerfile.finn and runs the digits preset inside, without network: `pytest -m container`, some minutes.

HOLDFAST_BUILDAH_BUD: further options of `buildah bud`, such as `--build-arg BASE=...` or `--secret id=...,src=...`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "holdfast-finn-test"
BUILDAH = os.environ | {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not there"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not there"),
]


def buildah(*arguments: str, seconds: int = 600) -> str:
    done = subprocess.run(
        ["buildah", *arguments], cwd=ROOT, env=BUILDAH, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest) -> str:
    if "container" not in request.config.option.markexpr:
        pytest.skip("takes minutes; ask for it: pytest -m container")
    options = shlex.split(os.environ.get("HOLDFAST_BUILDAH_BUD", ""))
    buildah("bud", "--layers", "--format", "docker", "-f", "Dockerfile.finn", "-t", IMAGE, *options, ".", seconds=3600)
    return IMAGE


@pytest.fixture(scope="module")
def inside(image: str) -> Iterator[Callable[..., subprocess.CompletedProcess]]:
    """Runs a command as the image's user, without any network."""
    container = buildah("from", "--pull-never", f"localhost/{image}")

    def run(*command: str) -> subprocess.CompletedProcess:
        whole = ["unshare", "--net", "buildah", "run", "--user", "holdfast", container, "--", *command]
        return subprocess.run(whole, env=BUILDAH, capture_output=True, text=True, timeout=1800, check=False)

    yield run
    buildah("rm", container)


def test_the_image_starts_holdfast_as_an_ordinary_user(image: str) -> None:
    config = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    assert (config["User"], config["Entrypoint"], config["WorkingDir"]) == ("holdfast", ["holdfast"], "/work")
    assert config["Healthcheck"]["Test"] == ["CMD", "holdfast", "doctor"]


def test_no_secret_and_no_history_is_inside(inside) -> None:
    names = ("(", "-name", "pip.conf", "-size", "+0", "-o", "-name", ".git", ")")  # buildah leaves an empty pip.conf
    found = inside("find", "/etc", "/home", "/opt/holdfast", *names)
    assert [line for line in found.stdout.splitlines() if "/site-packages/" not in line] == []
    assert inside("id", "-u").stdout == "1000\n"


def test_the_doctor_is_content(inside) -> None:
    done = inside("holdfast", "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_digits_run_to_the_circuit_and_to_the_build(inside) -> None:
    short = ("train.epochs=2", "attack.images=20", "attack.pgd_restarts=1", "attack.square_queries=20")
    settings = [word for setting in short for word in ("--set", setting)]
    done = inside("holdfast", "run", "digits", "--until", "verify", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    ladder = json.loads(inside("cat", "runs/digits/verify/verify.json").stdout)
    assert [rung["rung"] for rung in ladder["rungs"]][-1] == "rtl"
    assert {rung["mismatches"] for rung in ladder["rungs"]} == {0}
    built = inside("holdfast", "build-amd", "runs/digits", "--board", "Pynq-Z1", "--out", "build/pynq")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "not done, because there is no Vivado here" in built.stdout
    inside_python = inside("sh", "-c", "python build/pynq/build.py; echo $?")
    assert inside_python.stdout == "2\n" and "XILINX_VIVADO" in inside_python.stderr
