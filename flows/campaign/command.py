"""`holdfast campaign`: shows progress, prints the table, and says what failed."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from flows.campaign.bench import Job
from flows.campaign.campaign import run_campaign
from flows.campaign.local_crew import LocalCrew
from flows.campaign.ray_crew import RayCrew
from flows.campaign.schedule import ATTEMPTS, Crew
from flows.campaign.spec import load_spec
from flows.campaign.summary import summary_table
from flows.errors import FlowError
from flows.run.display import ConsoleDisplay


def run_command(path: Path, out: Path, workers: int, ray: str | None, log: Console, console: Console) -> None:
    """Runs the campaign of the file `path`. Raises FlowError where a shard failed for good."""
    spec = load_spec(path)

    def crew(job: Job, size: int) -> Crew:
        return LocalCrew(job, size) if ray is None else RayCrew(job, size, ray)

    display = ConsoleDisplay(log, [spec.name])
    display.started(spec.name, "looking at the targets")
    start, seconds = time.monotonic(), None
    try:
        record = run_campaign(spec, out, crew, workers, display.progress)
        seconds = time.monotonic() - start
    finally:
        display.finished(spec.name, seconds)
    console.print(summary_table(record))
    if failed := record["failed"]:
        raise FlowError(
            f"{out}: {len(failed)} of {record['shards']} shards failed {ATTEMPTS} times, the first "
            f"({failed[0]['shard']}): {failed[0]['error']}; what the others found is kept, the same command tries "
            "these again"
        )
