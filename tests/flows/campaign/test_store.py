"""Parts are whole or absent, and no row is lost or counted twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import numpy as np
import pytest

from flows.campaign.bench import Bench
from flows.campaign.plan import make_job, shards
from flows.campaign.store import COLUMNS, Store
from flows.campaign.summary import summarize
from flows.errors import FlowError
from flows.targets.onnx_target import OnnxTarget
from tests.flows.campaign.conftest import campaign
from tests.flows.golden.small_dataflow import convolutional


@pytest.fixture(scope="module")
def job(golden_run: Path):
    return make_job(campaign(golden_run))


@pytest.fixture(scope="module")
def finished(job, tmp_path_factory: pytest.TempPathFactory) -> Store:
    bench, store = Bench(job), Store(tmp_path_factory.mktemp("store"))
    for shard in shards(job):
        store.add(shard, bench.run(shard).columns)
    store.compact(shards(job))
    return store


def rows(store: Store, query: str = "SELECT * FROM results ORDER BY ALL") -> list[tuple]:
    with duckdb.connect() as database:
        database.execute("CREATE VIEW results AS SELECT * FROM read_parquet('" + str(store.results) + "')")
        return database.execute(query).fetchall()


def test_every_row_says_what_the_target_says(job, finished: Store) -> None:
    with duckdb.connect() as database:
        found = database.execute("SELECT * FROM read_parquet(?)", [str(finished.results)]).fetchall()
    target = OnnxTarget(convolutional(0))
    assert len(found) == 3 * 40
    for row in (dict(zip(COLUMNS, values, strict=True)) for values in found):
        x, y = job.x[row["image"] - 10], int(job.y[row["image"] - 10])
        image = np.frombuffer(row["adversarial"], np.uint8).reshape(1, 1, 6, 6)
        change = np.abs(image.astype(int) - x)
        assert row["label"] == y and row["clean_prediction"] == target.predict(x[None]).argmax()
        assert row["adversarial_prediction"] == target.predict(image).argmax()
        assert row["success"] == (row["adversarial_prediction"] != y)
        assert row["linf_codes"] == change.max() <= int(row["epsilon"] * 255)
        assert row["l2"] == np.sqrt((change**2).sum()) / 255
        assert row["sha256"] == hashlib.sha256(image.tobytes()).hexdigest() and 1 <= row["queries"] <= 31
    assert {row[2] for row in found} == {"linf"} and any(
        dict(zip(COLUMNS, row, strict=True))["success"] for row in found
    )


def test_the_order_of_arrival_leaves_no_trace(job, finished: Store, tmp_path: Path) -> None:
    bench, store = Bench(job), Store(tmp_path)
    for shard in reversed(shards(job)):
        store.add(shard, bench.run(shard).columns)
        store.add(shard, bench.run(shard).columns)
    assert store.compact(shards(job)) == 120
    assert store.results.read_bytes() == finished.results.read_bytes()


def test_a_damaged_part_is_not_there(job, tmp_path: Path) -> None:
    store, (shard, other, *_) = Store(tmp_path), shards(job)
    assert not store.has(shard)
    columns = Bench(job).run(shard).columns
    store.add(shard, columns)
    assert store.has(shard) and not store.has(other)
    (path,) = (tmp_path / "parts").iterdir()
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", whole[:-1]):
        path.write_bytes(broken)
        assert not store.has(shard)
    path.write_bytes(whole)
    path.rename(path.with_name(f"{other.key}.parquet"))
    assert not store.has(other)  # the rows of another shard
    (tmp_path / "parts" / "x.parquet.part").touch()
    store.discard_unfinished()
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [f"{other.key}.parquet"]


def test_rows_twice_or_missing_are_refused(job, tmp_path: Path) -> None:
    store, (shard, other, *_) = Store(tmp_path), shards(job)
    columns = Bench(job).run(shard).columns
    store.add(shard, columns)
    with pytest.raises(FlowError, match="expected 10 rows, got 10, 5 of them distinct"):
        store.compact([shard, shard])
    with pytest.raises(FlowError, match="expected the store's columns with 5 rows each"):
        store.add(shard, {name: values[:4] for name, values in columns.items()})
    assert not store.results.exists()
    with pytest.raises(FlowError, match="expected a shard's results, got .*; start the campaign again"):
        store.compact([shard, other])


def test_the_summary_counts_the_rows(finished: Store) -> None:
    found = summarize(finished.results)
    table = [dict(zip(COLUMNS, row, strict=True)) for row in rows(finished)]
    (clean,) = found["clean"]
    right = {row["image"]: row["clean_prediction"] == row["label"] for row in table}
    assert (clean["images"], clean["accuracy"]) == (40, sum(right.values()) / 40) and clean["accuracy"] == 34 / 40
    assert [(row["attack"], row["epsilon"]) for row in found["attacks"]] == [
        ("noise", 0.05),
        ("square", 0.02),
        ("square", 0.05),
    ]
    for row in found["attacks"]:
        mine = [r for r in table if (r["attack"], r["epsilon"]) == (row["attack"], row["epsilon"])]
        assert row["accuracy"] == sum(not r["success"] for r in mine) / 40
        assert row["queries"] == sum(r["queries"] for r in mine) and row["low"] < row["accuracy"] < row["high"]
    for row in found["worst_case"]:
        fooled = {r["image"] for r in table if r["success"] and r["epsilon"] <= row["epsilon"]}
        assert row["accuracy"] == (40 - len(fooled)) / 40
    assert len(found["worst_case"]) == 2
