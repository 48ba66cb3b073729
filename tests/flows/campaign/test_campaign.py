"""Whole campaigns: the same bytes for any number of workers, through kills, failures and servers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from flows.campaign.campaign import run_campaign
from flows.campaign.local_crew import LocalCrew
from flows.campaign.ray_crew import RayCrew
from flows.campaign.schedule import ATTEMPTS
from flows.campaign.spec import AttackSpec, Engine, TargetSpec
from flows.errors import FlowError
from hw.identity import identity
from tests.flows.campaign.conftest import campaign, toml
from tests.flows.golden.small_dataflow import convolutional
from tests.flows.remote.conftest import TOKEN, golden, serving, welcome  # noqa: F401 - fixtures

ROOT = Path(__file__).resolve().parents[3]
FINAL = ("results.parquet", "campaign.json")
COMMAND = "from flows.cli import app; app()"


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FINAL]


@pytest.fixture(scope="module")
def undisturbed(golden_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small campaign on the golden model, by one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_campaign(campaign(golden_run), folder, LocalCrew, 1)["failed"] == []
    return folder


def test_a_worker_that_is_killed_loses_its_shard_only(golden_run: Path, undisturbed: Path, tmp_path: Path) -> None:
    crews: list[LocalCrew] = []
    finished: list[float] = []

    def crew(job, size: int) -> LocalCrew:
        crews.append(LocalCrew(job, size))
        return crews[0]

    def progress(done: float, text: str) -> None:
        finished.append(done)
        if len(finished) in (2, 7, 15):
            os.kill(crews[0].pids[len(finished) % 2], signal.SIGKILL)

    run_campaign(campaign(golden_run), tmp_path, crew, 2, progress)
    assert crews[0].replaced["by SIGKILL"] >= 2  # the last one may have been idle
    assert len(finished) == 24 == len(set(finished)) and finished[-1] == 1.0
    assert digests(tmp_path) == digests(undisturbed)


def start(spec: Path, out: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND, "campaign", str(spec), "--out", str(out), "--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.sim
@pytest.mark.slow
def test_a_campaign_on_the_circuit_that_is_killed_three_times(circuit_run: Path, tmp_path: Path) -> None:
    """Circuit and golden model in one campaign; a killed start leaves more finished shards than the one before."""
    engines = {"circuit": Engine.RTL, "golden": Engine.ONNXRUNTIME}
    spec = campaign(circuit_run, *(TargetSpec(name, engine, run=str(circuit_run)) for name, engine in engines.items()))
    path = tmp_path / "spec.toml"
    path.write_text(toml(spec))
    undisturbed = tmp_path / "undisturbed"
    with start(path, undisturbed, 1) as process:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
    killed = tmp_path / "killed"
    for wanted in (6, 18, 30):
        with start(path, killed, 2) as process:
            deadline = time.monotonic() + 60
            while len(list((killed / "parts").glob("*.parquet"))) < wanted and time.monotonic() < deadline:
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert wanted <= len(list((killed / "parts").glob("*.parquet"))) < 48
        assert not (killed / "campaign.json").exists()
    with start(path, killed, 2) as process:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0 and "worst case" in output, output
    assert digests(killed) == digests(undisturbed)
    assert len(list((killed / "parts").iterdir())) == 48
    assert_same_rows(killed / "results.parquet", "circuit", "golden")


def assert_same_rows(results: Path, one: str, other: str) -> None:
    query = "SELECT * EXCLUDE target FROM read_parquet(?) WHERE target = ? ORDER BY ALL"
    with duckdb.connect() as database:
        first, second = (database.execute(query, [str(results), name]).fetchall() for name in (one, other))
    assert len(first) == 120 and first == second


def test_a_target_elsewhere_that_fails_for_some_images(golden_run, serving, golden, welcome, tmp_path) -> None:  # noqa: F811
    """What fails three times is reported, the others go on; the same campaign tries it again and is whole then."""
    with np.load(golden_run / "data" / "test.npz") as arrays:
        poison = arrays["x"][23]

    def predict(images: np.ndarray) -> np.ndarray:
        if (images == poison).all(axis=(1, 2, 3)).any():
            asked.append(1)
            raise RuntimeError("the board\nis on fire")
        return golden.predict(images)

    asked: list[int] = []
    token = tmp_path / "token"
    token.write_text(TOKEN)
    assert welcome.network == identity(convolutional(0))
    server = serving(predict, token=TOKEN)

    def spec(port: int):
        board = TargetSpec("board", Engine.REMOTE, address=f"127.0.0.1:{port}", token_file=str(token))
        return campaign(golden_run, board, TargetSpec("golden", Engine.ONNXRUNTIME, run=str(golden_run)))

    record = run_campaign(spec(server.port), tmp_path / "out", LocalCrew, 2)
    ids = ["board/square/0.02/20-25", "board/square/0.05/20-25", "board/noise/0.05/20-25"]
    error = f"remote:127.0.0.1:{server.port}: refused: RuntimeError: the board is on fire"
    assert record["failed"] == [{"shard": name, "error": error} for name in ids]
    assert len(asked) == 3 * ATTEMPTS and record["results"]["rows"] == 240 - 15
    assert {row["images"] for row in record["attacks"] if row["target"] == "board"} == {35}
    port = server.port
    server.stop()
    serving(token=TOKEN, port=port)
    record = run_campaign(spec(port), tmp_path / "out", LocalCrew, 1)
    assert record["failed"] == [] and json.loads((tmp_path / "out" / "campaign.json").read_text()) == record
    assert_same_rows(tmp_path / "out" / "results.parquet", "board", "golden")


def test_a_run_that_changes_meanwhile_is_seen(golden_run: Path, tmp_path: Path) -> None:
    def crew(job, size: int) -> LocalCrew:
        moved = {name: dataclasses.replace(found, content="0" * 64) for name, found in job.identities.items()}
        return LocalCrew(dataclasses.replace(job, identities=moved), size)

    text = "got 24 failed shards, the first: target golden: expected what the campaign was planned with"
    with pytest.raises(FlowError, match=text):
        run_campaign(campaign(golden_run), tmp_path, crew, 1)


def test_the_command_tells_what_failed(golden_run: Path, tmp_path: Path) -> None:
    spec = campaign(golden_run)
    broken = dataclasses.replace(spec, attacks=(AttackSpec("square", "square", ("golden",), (0.1,), {"queries": 9}),))
    path = tmp_path / "spec.toml"
    path.write_text(toml(broken).replace(str(golden_run), str(tmp_path / "nowhere")))
    with start(path, tmp_path / "out", 1) as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 1 and "test.npz: expected arrays x, y" in output


@pytest.mark.slow
def test_ray_gives_the_same_bytes_and_survives_a_lost_worker(golden_run: Path, undisturbed: Path, tmp_path) -> None:
    """A local Ray instance; a worker is killed after the fifth shard."""
    ray = pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    crews: list[RayCrew] = []
    killed: list[object] = []

    def crew(job, size: int) -> RayCrew:
        crews.append(RayCrew(job, size, "local"))
        return crews[0]

    def progress(done: float, text: str) -> None:
        if round(done * 24) == 5:
            killed.append(crews[0]._workers[0])
            ray.kill(killed[0])

    record = run_campaign(campaign(golden_run), tmp_path, crew, 2, progress)
    assert len(killed) == 1 and killed[0] != crews[0]._workers[0]
    assert record["failed"] == [] and digests(tmp_path) == digests(undisturbed)
