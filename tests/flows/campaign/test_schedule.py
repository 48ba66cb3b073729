"""Who does what again, and when it is given up."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from flows.campaign.bench import Shard, ShardResult
from flows.campaign.schedule import Lost, drive, one_line
from flows.errors import FlowError


class ScriptedCrew:
    """Ends shards in a random order; `bad`: shard's first image -> how often it fails."""

    def __init__(self, size: int, bad: dict[int, int], seed: int) -> None:
        self.size, self.tried = size, Counter()
        self._bad, self._rng, self._at_work = bad, random.Random(seed), {}

    def give(self, worker: int, shard: Shard) -> None:
        assert worker not in self._at_work and 0 <= worker < self.size
        self._at_work[worker] = shard

    def take(self) -> tuple[int, ShardResult | Lost]:
        worker = self._rng.choice(sorted(self._at_work))
        shard = self._at_work.pop(worker)
        self.tried[shard.first] += 1
        if self.tried[shard.first] <= self._bad.get(shard.first, 0):
            return worker, Lost(f"failure {self.tried[shard.first]}")
        return worker, ShardResult({}, 1, 1.0)


@pytest.mark.parametrize("size", [1, 3, 20])
@pytest.mark.parametrize("seed", range(5))
def test_all_are_done_once_and_three_failures_end_one(size: int, seed: int) -> None:
    planned = [Shard("t", "a", 0.1, first, first + 1, 0, str(first)) for first in range(12)]
    crew, done = ScriptedCrew(size, {2: 1, 5: 2, 7: 3, 9: 99}, seed), []
    failures = drive(crew, planned, lambda shard, result: done.append(shard.first))
    assert sorted(done) == [0, 1, 2, 3, 4, 5, 6, 8, 10, 11]
    assert sorted((failure.shard.first, failure.error) for failure in failures) == [(7, "failure 3"), (9, "failure 3")]
    assert crew.tried == Counter(range(12)) + Counter({2: 1, 5: 2, 7: 2, 9: 2})


def test_errors_in_one_line() -> None:
    assert one_line(FlowError("one\n two")) == "one two"
    assert one_line(ValueError("x")) == "ValueError: x"
