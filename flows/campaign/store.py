"""The results on disk: one Parquet part per finished shard, and one file of them all, written by DuckDB.

A part appears under its name only when it is whole. The final file depends on the rows alone: one thread, one order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from flows.campaign.bench import Columns, Shard
from flows.errors import FlowError

RESULTS = "results.parquet"
#: Column -> SQL type. `linf_codes`: in 1/255; `l2`: in pixel units; `adversarial`: uint8 (C, H, W), row by row.
COLUMNS = {
    "target": "VARCHAR",
    "attack": "VARCHAR",
    "norm": "VARCHAR",
    "epsilon": "DOUBLE",
    "image": "INTEGER",
    "label": "INTEGER",
    "clean_prediction": "INTEGER",
    "success": "BOOLEAN",
    "queries": "BIGINT",
    "linf_codes": "INTEGER",
    "l2": "DOUBLE",
    "adversarial_prediction": "INTEGER",
    "sha256": "VARCHAR",
    "adversarial": "BLOB",
}
_ORDER = "target, attack, epsilon, image"
_ROWS_PER_GROUP = 20_000  # a fixed layout: the bytes must not depend on a version's defaults of memory or threads


def connect() -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, one thread, nothing fetched from anywhere."""
    settings = {"threads": 1, "autoinstall_known_extensions": False, "preserve_insertion_order": True}
    return duckdb.connect(config=settings)


class Store:
    """The folder of a campaign's results. `folder` is made if missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = folder / "parts"
        self._parts.mkdir(parents=True, exist_ok=True)
        self._database = connect()

    @property
    def results(self) -> Path:
        return self._folder / RESULTS

    def has(self, shard: Shard) -> bool:
        """Whether the shard's part is there and holds its rows; a damaged one does not count."""
        path = self._part(shard)
        if not path.is_file():
            return False
        try:
            query = "SELECT image FROM read_parquet(?) ORDER BY image"
            rows = self._database.execute(query, [str(path)]).fetchall()
        except duckdb.Error:
            return False
        return [image for (image,) in rows] == list(range(shard.first, shard.stop))

    def add(self, shard: Shard, columns: Columns) -> None:
        """Writes the shard's part; it is there wholly or not at all. Raises FlowError for columns of another kind."""
        if list(columns) != list(COLUMNS) or {len(values) for values in columns.values()} != {shard.stop - shard.first}:
            raise FlowError(f"{shard.id}: expected the store's columns with {shard.stop - shard.first} rows each")
        values = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, kind in COLUMNS.items())
        self._database.execute(f"CREATE OR REPLACE TABLE part AS SELECT {values}", list(columns.values()))
        _write(self._database, "SELECT * FROM part ORDER BY image", self._part(shard))

    def compact(self, shards: Sequence[Shard]) -> int:
        """Makes `results.parquet` of exactly these shards' parts; returns its rows. Raises FlowError where a row is
        missing or there twice."""
        expected = sum(shard.stop - shard.first for shard in shards)
        kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        with connect() as database:
            database.execute(f"CREATE TABLE results ({kinds})")
            for shard in shards:
                self._insert(database, self._part(shard))
            counted = f"SELECT count(*), count(DISTINCT ({_ORDER})) FROM results"
            rows, distinct = database.execute(counted).fetchone()
            if not rows == distinct == expected:
                raise FlowError(
                    f"{self._parts}: expected {expected} rows, got {rows}, {distinct} of them distinct; remove this "
                    "folder and start again"
                )
            _write(database, f"SELECT * FROM results ORDER BY {_ORDER}", self.results)
        return rows

    def _insert(self, database: duckdb.DuckDBPyConnection, part: Path) -> None:
        try:
            database.execute("INSERT INTO results SELECT * FROM read_parquet(?)", [str(part)])
        except duckdb.Error as error:
            text = " ".join(str(error).split())
            raise FlowError(f"{part}: expected a shard's results, got {text}; start the campaign again") from error

    def discard_unfinished(self) -> None:
        """Removes what a killed process was writing."""
        for path in [*self._parts.glob("*.part"), *self._folder.glob("*.part")]:
            path.unlink()

    def _part(self, shard: Shard) -> Path:
        return self._parts / f"{shard.key}.parquet"


def _write(database: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    temporary = path.with_name(path.name + ".part")
    quoted = str(temporary).replace("'", "''")
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS_PER_GROUP}"
    database.execute(f"COPY ({query}) TO '{quoted}' ({options})")
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
