"""`holdfast serve` as its user starts it, and its memory under abuse."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.remote import protocol
from flows.remote.client import RemoteTarget
from tests.flows.campaign.conftest import circuit_run, golden_run  # noqa: F401 - fixtures
from tests.flows.remote.conftest import TOKEN
from tests.flows.remote.test_abuse import greeted, malformed, read_frame, refusal

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-c", "from flows.cli import app; app()", "serve"]


class Served:
    """A server process; `address` as it printed it."""

    def __init__(self, process: subprocess.Popen, greeting: str) -> None:
        self.process, self.greeting = process, greeting
        self.address = greeting.split(" at ")[1].split()[0]
        self.port = int(self.address.rpartition(":")[2])

    def resident_mib(self) -> float:
        """Memory of the process in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def served(run: Path, *options: str) -> Iterator[Served]:
    command = [*COMMAND, str(run), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with (run / "serve.log").open("w+") as log:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process:
            try:
                greeting = process.stdout.readline()
                log.seek(0)
                assert greeting.startswith("serving"), log.read()
                sink = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
                yield Served(process, greeting)
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
                sink.wait(20)
            finally:
                process.kill()


@pytest.mark.sim
def test_the_circuit_answers_over_the_network(circuit_run: Path, golden, tmp_path: Path) -> None:  # noqa: F811
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    with np.load(circuit_run / "data" / "test.npz") as arrays:
        x = arrays["x"]
    with served(circuit_run, "--target", "rtl", "--token-file", str(token)) as server:
        assert "serving rtl of" in server.greeting and "with a token" in server.greeting
        with RemoteTarget(server.address, TOKEN) as target:
            assert np.array_equal(target.predict(x), golden.predict(x))
        with pytest.raises(FlowError, match="expected the token of this server"):
            RemoteTarget(server.address)


def test_what_it_refuses_to_start_with(golden_run: Path, tmp_path: Path) -> None:  # noqa: F811
    for options, text in (
        (["--target", "board"], "unknown target 'board'"),
        (["--target", "onnxruntime", "--host", "0.0.0.0"], "expected a token for an address that other machines reach"),
        (["--token-file", str(tmp_path / "none")], "expected a file with a token"),
        (["--target", "rtl"], "expected this dataflow's memory, found none or another; build again"),
        (["--target", "onnxruntime", "--idle", "0"], "times above zero"),
    ):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [*COMMAND, str(golden_run), *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and text in done.stderr, done.stderr


@pytest.mark.slow
def test_memory_stays_flat_under_abuse(golden_run: Path, golden, images) -> None:  # noqa: F811
    """Five rounds of bad clients after a first one: the server is no larger by more than 8 MiB, and still exact."""
    import socket

    rng = random.Random(2)
    with served(golden_run, "--target", "onnxruntime") as server, RemoteTarget(server.address) as good:
        expected = golden.predict(images)

        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", server.port), timeout=20)

        def abuse() -> float:
            with ExitStack() as stack:
                for number in range(50):  # idle ones, partial frames, and requests that nobody waits for
                    connection = stack.enter_context(connect())
                    greeted(connection)
                    if number % 3:
                        whole = protocol.frame(protocol.PREDICT, protocol.pack_predict(1, images))
                        connection.sendall(whole[:-1] if number % 3 == 1 else whole)
                assert np.array_equal(good.predict(images), expected)
                for _ in range(200):
                    with connect() as connection:
                        (greeted if rng.random() < 0.5 else read_frame)(connection)
                        connection.sendall(malformed(rng))
                        assert refusal(connection)[0] == protocol.BAD_FRAME
            assert np.array_equal(good.predict(images), expected)
            return server.resident_mib()

        first = abuse()
        last = [abuse() for _ in range(5)][-1]
        assert last - first < 8, (first, last)
