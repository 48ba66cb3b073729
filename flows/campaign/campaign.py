"""Runs a campaign to its end, whatever was finished before, and writes down what it found."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from flows.campaign.bench import Job, Shard, ShardResult
from flows.campaign.plan import images_digest, make_job, shards
from flows.campaign.schedule import Crew, Failure, drive
from flows.campaign.spec import CampaignSpec, Engine
from flows.campaign.store import RESULTS, Store
from flows.campaign.summary import summarize
from flows.config import to_record
from flows.errors import FlowError
from flows.report.summary import write_whole
from flows.run.digest import of_file
from flows.run.lock import locked

Progress = Callable[[float, str], None]
MakeCrew = Callable[[Job, int], Crew]


def run_campaign(
    spec: CampaignSpec,
    folder: Path,
    crew: MakeCrew,
    workers: int,
    progress: Progress = lambda done, text: None,
) -> dict[str, object]:
    """Does what is missing in `folder` and writes `results.parquet`, `campaign.json` and `rates.json` there.

    `crew`: makes at most this many workers for a job. The first two files depend on the specification, the targets
    and the code alone, not on workers, order, kills or how often it was started. Returns `campaign.json`. Raises
    FlowError for what is missing, or where no shard came to an end.
    """
    if workers < 1:
        raise FlowError(f"workers: expected at least 1, got {workers}")
    if workers > 1 and (board := next((one.name for one in spec.targets if one.engine is Engine.SERIAL), None)):
        raise FlowError(
            f"target {board}: a serial port has one user, expected 1 worker, got {workers}; give --workers 1, or let "
            "holdfast serve --target serial:PORT answer for it and name that as a remote target"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        job, store = make_job(spec), Store(folder)
        store.discard_unfinished()
        planned = shards(job)
        missing = [shard for shard in planned if not store.has(shard)]
        failures: list[Failure] = []
        if missing:
            meter = _Meter(store, len(planned), len(missing), progress)
            failures = _work(job, crew, min(workers, len(missing)), missing, meter)
            write_whole(folder / "rates.json", json.dumps(meter.record(workers), indent=1) + "\n")
        return _finish(job, store, planned, failures, folder)


class _Meter:
    """Takes results in: into the store, onto the display, into the rates."""

    def __init__(self, store: Store, shards: int, missing: int, progress: Progress) -> None:
        self._store, self._shards, self._progress = store, shards, progress
        self._done = shards - missing
        self._start = time.monotonic()
        self._queries = 0
        self._rates: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def __call__(self, shard: Shard, result: ShardResult) -> None:
        self._store.add(shard, result.columns)
        self._done += 1
        self._queries += result.queries
        for index, value in enumerate((1, result.queries, result.seconds)):
            self._rates[shard.target, shard.attack][index] += value
        rate = self._queries / (time.monotonic() - self._start)
        text = f"{self._done} of {self._shards} shards, {rate:,.0f} queries/s"
        self._progress(self._done / self._shards, text)

    def record(self, workers: int) -> dict[str, object]:
        """`rates.json`: of this start only; `seconds` of the rows are the workers' own, added up."""
        seconds = time.monotonic() - self._start
        rows = [
            {
                **{"target": target, "attack": attack, "shards": count, "queries": queries, "seconds": spent},
                "queries_per_second": queries / spent,
            }
            for (target, attack), (count, queries, spent) in sorted(self._rates.items())
        ]
        return {
            **{"workers": workers, "seconds": seconds, "queries": self._queries},
            **{"queries_per_second": self._queries / seconds, "rates": rows},
        }


def _work(job: Job, crew: MakeCrew, size: int, missing: list[Shard], meter: _Meter) -> list[Failure]:
    hands = crew(job, size)
    try:
        return drive(hands, missing, meter)
    finally:
        hands.close()


def _finish(job: Job, store: Store, planned: list[Shard], failures: list[Failure], folder: Path) -> dict[str, object]:
    lost = {failure.shard.id: failure.error for failure in failures}
    done = [shard for shard in planned if shard.id not in lost]
    if not done:
        raise FlowError(
            f"{folder}: expected results, got {len(lost)} failed shards, the first: {next(iter(lost.values()))}"
        )
    rows = store.compact(done)
    record = {
        "spec": to_record(job.spec),
        "targets": {name: dataclasses.asdict(found) for name, found in job.identities.items()},
        "images": {"shape": list(job.x.shape[1:]), "sha256": images_digest(job.x, job.y)},
        "shards": len(planned),
        "failed": [{"shard": shard.id, "error": lost[shard.id]} for shard in planned if shard.id in lost],
        "results": {"file": RESULTS, "rows": rows, "sha256": of_file(store.results)},
        **summarize(store.results),
    }
    write_whole(folder / "campaign.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record
