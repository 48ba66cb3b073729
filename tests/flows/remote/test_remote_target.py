"""The client and the server together: exact scores, dropped connections, turns, and what a board needs."""

from __future__ import annotations

import ast
import dataclasses
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from flows.attack.square import Square
from flows.errors import FlowError
from flows.remote import protocol
from flows.remote.client import RemoteTarget, parse_address, read_token
from flows.remote.server import Limits, Server, is_loopback
from flows.targets.target import Target
from hw.identity import identity
from tests.flows.golden.small_dataflow import convolutional
from tests.flows.remote.conftest import TOKEN

ROOT = Path(__file__).resolve().parents[3]
#: What a board needs of this package, next to Python and numpy.
FOR_A_BOARD = ("flows/__init__.py", "flows/errors.py", "flows/remote/__init__.py")
FOR_A_BOARD += ("flows/remote/protocol.py", "flows/remote/server.py")


def test_scores_are_the_targets_own(serving, golden, images, welcome) -> None:
    with RemoteTarget(serving(token=TOKEN).address, TOKEN) as target:
        assert isinstance(target, Target) and target.welcome == welcome and target.name.startswith("remote:127.0.0.1:")
        assert np.array_equal(target.predict(images), golden.predict(images))  # 100 images in requests of 32
        assert target.predict(images[:0]).shape == (0, 5) and target.queries == 100
        labels = golden.predict(images).argmax(axis=1)
        far, near = (Square(queries=20, seed=3)(which, images, labels, 0.1) for which in (target, golden))
        assert np.array_equal(far.images, near.images) and np.array_equal(far.queries, near.queries)


def test_other_images_are_refused_here(serving, images) -> None:
    with RemoteTarget(serving().address) as target:
        with pytest.raises(FlowError, match=r"expected images of shape \(1, 6, 6\), got \(1, 6, 5\)"):
            target.predict(images[..., :5])
        with pytest.raises(FlowError, match="expected uint8 images"):
            target.predict(images.astype(float))
        assert target.queries == 0


def test_a_dropped_connection_is_made_again(serving, golden, images) -> None:
    server = serving()
    target = RemoteTarget(server.address)
    target.predict(images[:1])
    port = server.port
    server.stop()
    restarted: list = []
    timer = threading.Timer(0.5, lambda: restarted.append(serving(port=port)))
    timer.start()
    with target:
        assert np.array_equal(target.predict(images), golden.predict(images))
    timer.join()
    assert restarted and target.queries == 101


def test_another_network_after_the_break_is_refused(serving, images, welcome) -> None:
    server = serving()
    with RemoteTarget(server.address) as target:
        port = server.port
        server.stop()
        serving(port=port, welcome=dataclasses.replace(welcome, network="f" * 64))
        with pytest.raises(FlowError, match=f"expected network {welcome.network[:12]} as before, got ffffffffffff"):
            target.predict(images)


def test_nobody_there_is_one_clear_error() -> None:
    with pytest.raises(FlowError, match="expected an answer, got .*refused.* in 2 attempts; is it running?"):
        RemoteTarget("127.0.0.1:1", attempts=2)


def test_a_target_that_fails_tells_its_client_and_goes_on(serving, golden, images) -> None:
    def predict(batch: np.ndarray) -> np.ndarray:
        if batch[0, 0, 0, 0] == 13:
            raise ValueError("thirteen")
        return golden.predict(batch)

    unlucky = images[:1].copy()
    unlucky[0, 0, 0, 0] = 13
    with RemoteTarget(serving(predict).address) as target:
        with pytest.raises(FlowError, match="refused: ValueError: thirteen"):
            target.predict(unlucky)
        assert np.array_equal(target.predict(images[:9]), golden.predict(images[:9]))


def test_a_long_answer_is_waited_for(serving, golden, images) -> None:
    def predict(batch: np.ndarray) -> np.ndarray:
        time.sleep(0.8)
        return golden.predict(batch)

    with RemoteTarget(serving(predict, wait=0.1).address, silence=0.4, attempts=1) as target:
        assert np.array_equal(target.predict(images[:2]), golden.predict(images[:2]))
    with pytest.raises(FlowError, match="timed out in 1 attempts"):
        with RemoteTarget(serving(predict, wait=5.0).address, silence=0.4, attempts=1) as target:
            target.predict(images[:2])


def test_clients_take_turns(serving, golden, images) -> None:
    """One client with many requests and one that asks once: the one waits for a request, not for all of them."""
    order: list[int] = []
    started = threading.Event()

    def predict(batch: np.ndarray) -> np.ndarray:
        order.append(len(batch))
        started.set()
        time.sleep(0.05)
        return golden.predict(batch)

    server = serving(predict)
    with RemoteTarget(server.address) as greedy, RemoteTarget(server.address) as modest:
        many = np.concatenate([images] * 10)  # 32 requests
        thread = threading.Thread(target=greedy.predict, args=(many,))
        thread.start()
        assert started.wait(10)
        modest.predict(images[:1])
        assert order.index(1) <= 3
        thread.join()
    assert len(order) == 33


def test_other_addresses_need_a_token(welcome, golden) -> None:
    with pytest.raises(FlowError, match="0.0.0.0: expected a token for an address that other machines reach"):
        Server(golden.predict, welcome, "0.0.0.0", 0)
    with pytest.raises(FlowError, match="token: expected at least 16 characters, got 5"):
        Server(golden.predict, welcome, "0.0.0.0", 0, token="short")
    Server(golden.predict, welcome, "0.0.0.0", 0, token=TOKEN)
    assert is_loopback("127.0.0.1") and is_loopback("localhost") and not is_loopback("") and not is_loopback("::")
    with pytest.raises(FlowError, match="at least one connection and times above zero"):
        Limits(idle=0)


@pytest.mark.parametrize("address", ["", "host", "host:", ":5", "host:0", "host:65536", "host:5x"])
def test_bad_addresses(address: str) -> None:
    with pytest.raises(FlowError, match="expected an address HOST:PORT"):
        parse_address(address)


def test_addresses_and_tokens(tmp_path: Path) -> None:
    assert parse_address("[::1]:99") == ("::1", 99) and parse_address("board:4950") == ("board", 4950)
    path = tmp_path / "token"
    with pytest.raises(FlowError, match="expected a file with a token"):
        read_token(path)
    path.write_text("\n")
    with pytest.raises(FlowError, match="expected one line with a token"):
        read_token(path)
    path.write_text(TOKEN + "\n")
    assert read_token(path) == TOKEN


def test_a_network_is_known_by_every_integer() -> None:
    ids = {identity(convolutional(0)), identity(convolutional(0)), identity(convolutional(1))}
    assert len(ids) == 2 and all(len(found) == 64 for found in ids)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"\xff", "expected the server's description"),
        (b"[]", "expected the server's description"),
        (b'{"shape": [1, 2]}', "expected the server's description"),
        (b"[" * 4000, "expected the server's description"),
    ],
)
def test_a_bad_welcome(payload: bytes, text: str) -> None:
    with pytest.raises(protocol.ProtocolError, match=text):
        protocol.parse_welcome(payload)


@pytest.mark.parametrize("change", [{"classes": 0}, {"max_images": 1 << 40}, {"dtype": "float32"}, {"version": 2}])
def test_a_welcome_that_makes_no_sense(welcome, change: dict) -> None:
    with pytest.raises(protocol.ProtocolError, match="welcome: expected"):
        protocol.parse_welcome(protocol.pack_welcome(dataclasses.replace(welcome, **change)))


def test_a_server_needs_five_files_and_numpy(tmp_path: Path, images) -> None:
    """On a board: a copy of the files, no other package of ours, none but numpy of others, Python 3.10's grammar."""
    for name in FOR_A_BOARD:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        ast.parse((ROOT / name).read_text(), feature_version=(3, 10))
    program = """
import asyncio, sys
import numpy as np
from flows.remote.protocol import VERSION, Welcome
from flows.remote.server import Server
allowed = set(sys.stdlib_module_names) | {"numpy", "flows", "__main__"}
others = {name.partition(".")[0] for name in sys.modules} - allowed
assert not {name for name in others if not name.startswith("_")}, others
predict = lambda images: images.reshape(len(images), -1)[:, :5].astype(np.int64)
welcome = Welcome(VERSION, "board", "0" * 64, (1, 6, 6), 5, "uint8", 16)
server = Server(predict, welcome, "127.0.0.1", 0)
asyncio.run(server.run(lambda port: print(port, flush=True), asyncio.Event()))
"""
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(tmp_path), *_numpy()]}\n{program}"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            with RemoteTarget(f"127.0.0.1:{port}") as target:
                assert np.array_equal(target.predict(images), images.reshape(100, -1)[:, :5])
        finally:
            process.send_signal(signal.SIGKILL)


def _numpy() -> list[str]:
    return [str(Path(np.__file__).parents[1])]
