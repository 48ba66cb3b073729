"""Workers as processes of this machine. Each owns its targets; one that is killed is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from flows.campaign.bench import Bench, Job, Shard, ShardResult
from flows.campaign.schedule import Lost, one_line

#: Not fork: simulators, onnxruntime and torch own threads that a forked child would miss.
_CONTEXT = multiprocessing.get_context("spawn")
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection


class LocalCrew:
    """`size` processes. See `flows.campaign.schedule.Crew`."""

    def __init__(self, job: Job, size: int) -> None:
        self.size = size
        self._job = job
        self._workers = [self._start() for _ in range(size)]
        self._at_work: set[int] = set()
        #: Why workers were replaced -> how often.
        self.replaced: Counter[str] = Counter()

    @property
    def pids(self) -> list[int]:
        """The workers' process ids."""
        return [worker.process.pid for worker in self._workers]

    def give(self, worker: int, shard: Shard) -> None:
        self._at_work.add(worker)
        try:
            self._workers[worker].pipe.send(shard)
        except OSError:  # it died while idle; `take` will see the same and say why
            pass

    def take(self) -> tuple[int, ShardResult | Lost]:
        pipes = {self._workers[worker].pipe: worker for worker in self._at_work}
        worker = pipes[wait(list(pipes))[0]]
        self._at_work.discard(worker)
        try:
            return worker, self._workers[worker].pipe.recv()
        except (EOFError, OSError):
            return worker, self._replace(worker)

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_STOP_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _start(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs, self._job), name="holdfast-worker", daemon=True)
        process.start()
        theirs.close()  # so that a dead worker is an end of file here
        return _Worker(process, ours)

    def _replace(self, worker: int) -> Lost:
        old = self._workers[worker]
        old.process.join(_STOP_SECONDS)
        if old.process.is_alive():
            old.process.kill()
            old.process.join()
        old.pipe.close()
        code = old.process.exitcode
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        self.replaced[how] += 1
        self._workers[worker] = self._start()
        return Lost(f"the worker process ended {how}")


def _serve(pipe: Connection, job: Job) -> None:
    """The whole life of a worker process: shards in, results out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the campaign decides when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    bench = Bench(job)
    while True:
        try:
            shard = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            outcome = bench.run(shard)
        except Exception as error:  # whatever an attack or a target raises costs this shard, not the worker
            outcome = Lost(one_line(error))
        pipe.send(outcome)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
