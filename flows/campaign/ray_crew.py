"""Workers as Ray actors, on as many machines as the cluster has. Files travel with the job: no shared disk needed.

Every machine needs the same version of this package and of its tools; a worker where they differ refuses its shards.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from flows.campaign.bench import Bench, Job, Shard, ShardResult
from flows.campaign.engines import materials
from flows.campaign.schedule import Lost, one_line
from flows.campaign.spec import TargetSpec
from flows.errors import FlowError

#: Target name -> path inside its run -> content.
Parcel = dict[str, dict[str, bytes]]


def pack(job: Job) -> Parcel:
    """Every file that the targets are made of, and remote targets' tokens."""
    parcel = {}
    for spec in job.spec.targets:
        files = materials(spec)
        if spec.token_file:
            files["token"] = Path(spec.token_file)
        parcel[spec.name] = {name: path.read_bytes() for name, path in files.items()}
    return parcel


def unpack(job: Job, parcel: Parcel, folder: Path) -> Job:
    """Writes the files below `folder` and gives the job that finds its targets there."""
    targets = []
    for spec in job.spec.targets:
        for name, content in parcel[spec.name].items():
            path = folder / spec.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        targets.append(_moved(spec, folder / spec.name))
    return dataclasses.replace(job, spec=dataclasses.replace(job.spec, targets=tuple(targets)))


def _moved(spec: TargetSpec, folder: Path) -> TargetSpec:
    run = str(folder) if spec.run else ""
    token = str(folder / "token") if spec.token_file else ""
    return dataclasses.replace(spec, run=run, token_file=token)


class _Actor:
    """One worker, in a process of Ray's."""

    def __init__(self, job: Job, parcel: Parcel) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-campaign-")
        self._bench = Bench(unpack(job, parcel, Path(self._folder.name)))

    def run(self, shard: Shard) -> ShardResult | Lost:
        try:
            return self._bench.run(shard)
        except Exception as error:  # whatever an attack or a target raises costs this shard, not the worker
            return Lost(one_line(error))


class RayCrew:
    """`size` actors of the cluster at `address` (`HOST:PORT`, `auto`, or `local` for one of its own on this machine).

    See `flows.campaign.schedule.Crew`. Raises FlowError where Ray is not installed or the cluster does not answer.
    Ray itself unpickles what its machines send each other: use a cluster whose machines you trust.
    """

    def __init__(self, job: Job, size: int, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise FlowError("--ray: expected Ray, which is not installed; pip install 'holdfast[cluster]'") from error
        self._ray = ray
        extent = {"num_cpus": size} if address == "local" else {}
        try:
            ray.init(address=address, include_dashboard=False, log_to_driver=False, **extent)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise FlowError(f"--ray {address}: expected a cluster, got: {one_line(error)}") from error
        self.size = size
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
        self._job, self._parcel = ray.put(job), ray.put(pack(job))
        self._workers = [self._start() for _ in range(size)]
        self._at_work: dict[object, int] = {}

    def give(self, worker: int, shard: Shard) -> None:
        self._at_work[self._workers[worker].run.remote(shard)] = worker

    def take(self) -> tuple[int, ShardResult | Lost]:
        (ready,), _ = self._ray.wait(list(self._at_work), num_returns=1)
        worker = self._at_work.pop(ready)
        try:
            return worker, self._ray.get(ready)
        except self._ray.exceptions.RayError as error:  # the actor, its machine or its result is gone
            self._ray.kill(self._workers[worker])
            self._workers[worker] = self._start()
            return worker, Lost(f"the Ray worker was lost: {one_line(error)}")

    def close(self) -> None:
        for worker in self._workers:
            self._ray.kill(worker)
        self._ray.shutdown()

    def _start(self) -> object:
        return self._actor.remote(self._job, self._parcel)
