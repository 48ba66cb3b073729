"""What `Dataflow.load` makes of files that nobody wrote with `save`: one line, never a crash, never code that runs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from tests.flows.golden.small_dataflow import convolutional


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return exec, ("raise SystemExit('a pickle ran')",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    convolutional(1).save(tmp_path)
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(HardwareError) as caught:
        Dataflow.load(folder)
    return str(caught.value)


def rewrite(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "dataflow.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_what_was_saved_is_read_back(folder: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1))
    assert np.array_equal(Dataflow.load(folder).golden(codes), convolutional(1).golden(codes))


@pytest.mark.parametrize("text", ["", "[", "[1]", "3", "\udcff", "[" * 200_000, '{"format": 2, "ops": 1e999}'])
def test_no_dataflow(folder: Path, text: str) -> None:
    (folder / "dataflow.json").write_bytes(text.encode(errors="surrogateescape"))
    assert "expected a dataflow (dataflow.json + dataflow.npz), got " in refused(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r["ops"][0].update(kind="evil"), "unknown operator 'evil': expected one of pad, "),
        (lambda r: r["ops"][0].update(kind=["pad"]), "unknown operator"),
        (lambda r: r["ops"][0].update(kind="../pad"), "unknown operator"),
        (lambda r: r["ops"][0].update(name="a;b"), "unique identifiers, not 'input', got 'a;b'"),
        (lambda r: r["ops"][0].update(name="\xe4"), "unique identifiers"),
        (lambda r: r["ops"][0].update(name=3), "not 'input', got 3"),
        (lambda r: r["ops"][0].update(name=r["ops"][1]["name"]), "not 'input', got 'window'"),
        (lambda r: r.update(name="../x"), "expected a dataflow name that is an identifier, got '../x'"),
        (lambda r: r.update(ops=[]), "at least one operator, got none"),
        (lambda r: r.update(format=1), "expected format 2, got 1; compile again"),
        (lambda r: r["ops"][0].pop("sources"), "expected a dataflow"),
        (lambda r: r["ops"][0].update(sources=3), "pad: expected a list of stream names, got 3"),
        (lambda r: r["ops"][0].update(sources=[["input"]]), "pad: expected a list of stream names"),
        (lambda r: r["ops"][0].update(sources=[]), "pad: expected 1 streams, got 0"),
        (lambda r: r["ops"][0].update(sources=["label"]), "expected a stream given before it (input), got 'label'"),
        (lambda r: r["ops"][1].update(sources=["window"]), "expected a stream given before it (pad), got 'window'"),
        (lambda r: r["ops"][0].update(parameters=[1]), "expected a dataflow"),
        (lambda r: r["ops"][0]["parameters"].update(value=1.5), "pad.value: expected int, got 1.5"),
        (lambda r: r["ops"][2]["parameters"].update(input_type="UINT99999999"), "expected 1 to 48 bits"),
    ],
)
def test_hostile_records(folder: Path, change: Callable[[dict], object], text: str) -> None:
    rewrite(folder, change)
    assert text in refused(folder)


@pytest.mark.parametrize("value", [10**30, -(10**30)])
@pytest.mark.parametrize("key", ["start", "step"])
def test_numbers_beyond_any_integer_type(folder: Path, key: str, value: int) -> None:
    rewrite(folder, lambda record: record["ops"][3]["parameters"].update({key: value}))
    refused(folder)


@pytest.mark.parametrize(
    "weights",
    [
        np.array([Bomb()], dtype=object),
        np.full((4, 9), 0.5),
        np.full((4, 9), 2**62),
        np.zeros((4, 9, 1), np.int64),
        np.array("x"),
        np.zeros((0, 0), np.int64),
    ],
)
def test_hostile_arrays(folder: Path, weights: np.ndarray) -> None:
    with np.load(folder / "dataflow.npz") as arrays:
        kept = dict(arrays)
    np.savez(folder / "dataflow.npz", **(kept | {"2.weights": weights}))
    refused(folder)


def test_an_array_larger_than_any_memory(folder: Path) -> None:
    with np.load(folder / "dataflow.npz") as arrays:
        kept = dict(arrays)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**15,)})
    name = "2.weights"
    np.savez(folder / "dataflow.npz", **{key: value for key, value in kept.items() if key != name})
    with zipfile.ZipFile(folder / "dataflow.npz", "a") as archive:
        archive.writestr(f"{name}.npy", header.getvalue())
    refused(folder)


def test_every_flipped_byte_is_refused_or_harmless(folder: Path) -> None:
    """A flip in the archive's own date fields changes no array; every other one is seen by zip's checksums."""
    good, path = (folder / "dataflow.npz").read_bytes(), folder / "dataflow.npz"
    before = [record for op in convolutional(1).ops for record in op.to_record()[1].values()]
    seen = 0
    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            ops = Dataflow.load(folder).ops
        except HardwareError:
            seen += 1
            continue
        after = [record for op in ops for record in op.to_record()[1].values()]
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert seen > len(good) // 14


@pytest.mark.parametrize("length", [0, 10, 300, -1])
def test_cut_archives(folder: Path, length: int) -> None:
    path = folder / "dataflow.npz"
    path.write_bytes(path.read_bytes()[:length])
    refused(folder)
