"""Hands shards to workers, takes results, and tries again what was lost."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flows.campaign.bench import Shard, ShardResult

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Lost:
    """A shard that came to nothing: it raised, or its worker died. `error`: one line."""

    error: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A shard given up after ATTEMPTS, and its last error."""

    shard: Shard
    error: str


class Crew(Protocol):
    """Workers, numbered from 0, each doing one shard at a time. A worker that dies is replaced by the crew."""

    size: int

    def give(self, worker: int, shard: Shard) -> None:
        """Starts a shard on an idle worker."""

    def take(self) -> tuple[int, ShardResult | Lost]:
        """Waits for the next worker to end its shard. At least one must be at work."""

    def close(self) -> None:
        """Ends all workers, at work or not."""


def drive(crew: Crew, shards: Sequence[Shard], done: Callable[[Shard, ShardResult], None]) -> list[Failure]:
    """Does all shards; `done` is called for each result once, in whatever order they end.

    A shard that fails goes to the end of the queue; after ATTEMPTS it is given up, the others go on.
    """
    waiting, failed, failures = deque(shards), Counter(), []
    idle, at_work = list(range(crew.size)), {}
    while waiting or at_work:
        while waiting and idle:
            worker, shard = idle.pop(), waiting.popleft()
            at_work[worker] = shard
            crew.give(worker, shard)
        worker, outcome = crew.take()
        shard = at_work.pop(worker)
        idle.append(worker)
        if isinstance(outcome, ShardResult):
            done(shard, outcome)
            continue
        failed[shard.id] += 1
        if failed[shard.id] < ATTEMPTS:
            waiting.append(shard)
        else:
            failures.append(Failure(shard, outcome.error))
    return failures


def one_line(error: BaseException) -> str:
    """An exception as one line: its text, and its type where that is not our own."""
    text = " ".join(str(error).split())
    ours = type(error).__module__.partition(".")[0] in ("flows", "hw", "brevitas_models")
    return text if ours else f"{type(error).__name__}: {text}"
