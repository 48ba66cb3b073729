"""Running one tool: its log, its failure, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.synthesize.tool import Tool, run

ROOT = Path(__file__).resolve().parents[3]
FAKE = """
import os, time
from pathlib import Path


def talk(arguments):
    print("hello", *arguments, flush=True)
    time.sleep(0.5)
    print("last words without a line end", end="", flush=True)
    return 0


def log(arguments):
    Path("own.log").write_text("Info: one\\nERROR: first\\nInfo: two\\nERROR: second\\n0 errors elsewhere\\n")
    print("noise")
    return 3


def silent(arguments):
    return 4


def work(arguments):
    Path("pid").write_text(str(os.getpid()))
    print("working", flush=True)
    time.sleep(60)
    return 0


def die(arguments):
    os.kill(os.getpid(), 9)


def scratch(arguments):
    Path(os.environ["TMPDIR"], "left").write_text("behind")
    return 0
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A tool of a made-up module; its wheel is one that is always there."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "fake_tool.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(package))
    monkeypatch.syspath_prepend(str(package))
    folder = tmp_path / "work"
    folder.mkdir()
    return folder, lambda function: Tool("fake", "pytest", "fake_tool", function)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ended(pid: int, seconds: float = 10) -> bool:
    limit = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    return not alive(pid)


def test_follows_what_the_tool_prints(fake):
    folder, tool = fake
    lines = []
    run(tool("talk"), ["a", "b"], folder, follow=lambda line: lines.append((line, time.monotonic())))
    assert lines[0][0] == "hello a b"
    assert (folder / "fake.console").read_text() == "hello a b\nlast words without a line end"


def test_failure_quotes_the_tools_own_log(fake):
    folder, tool = fake
    with pytest.raises(FlowError) as failure:
        run(tool("log"), [], folder, own_log="own.log")
    assert str(failure.value) == f"fake failed with exit status 3: ERROR: first | ERROR: second (log: {folder}/own.log)"


def test_failure_without_a_word(fake):
    folder, tool = fake
    with pytest.raises(FlowError, match="fake failed with exit status 4: it printed nothing"):
        run(tool("silent"), [], folder)


def test_death_by_signal(fake):
    folder, tool = fake
    with pytest.raises(FlowError, match="fake was killed by signal 9: out of memory?"):
        run(tool("die"), [], folder)


def test_exception_while_following_ends_the_tool(fake):
    folder, tool = fake

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(tool("work"), [], folder, follow=stop)
    assert time.monotonic() - start < 30
    assert ended(int((folder / "pid").read_text()))


def test_tool_ends_with_a_killed_parent(fake):
    folder, _ = fake
    program = """
        from pathlib import Path
        from flows.synthesize.tool import Tool, run
        run(Tool("fake", "pytest", "fake_tool", "work"), [], Path.cwd())
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=folder, env=environment)
    limit = time.monotonic() + 30
    while not ((folder / "pid").is_file() and (folder / "pid").read_text()) and time.monotonic() < limit:
        time.sleep(0.05)
    pid = int((folder / "pid").read_text())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    assert ended(pid)


def test_scratch_files_do_not_stay(fake):
    folder, tool = fake
    run(tool("scratch"), [], folder)
    assert sorted(path.name for path in folder.iterdir()) == ["fake.console"]


def test_missing_wheel_says_what_to_install(tmp_path):
    with pytest.raises(FlowError) as failure:
        run(Tool("yosys", "no-such-wheel", "nothing", "main"), [], tmp_path)
    assert str(failure.value) == (
        "yosys: expected the Python package no-such-wheel, found none: pip install no-such-wheel, "
        "or install holdfast[synth]"
    )
    with pytest.raises(FlowError, match="pytest is installed without no_such_module: install it again"):
        run(Tool("yosys", "pytest", "no_such_module", "main"), [], tmp_path)


def test_folder_that_is_gone(fake):
    folder, tool = fake
    with pytest.raises(FlowError, match="fake could not run in .*No such file or directory"):
        run(tool("talk"), [], folder / "gone")
