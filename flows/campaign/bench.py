"""What a worker needs to do any shard of a campaign, and how it does one."""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import dataclass

import numpy as np

from flows import environment
from flows.attack import registry
from flows.attack.batch import AdversarialBatch
from flows.attack.common import labels
from flows.attack.transfer import Transfer
from flows.campaign.engines import Identity, close_target, identity, open_target
from flows.campaign.spec import AttackSpec, CampaignSpec
from flows.errors import FlowError
from flows.targets.target import Target

Columns = dict[str, list]


@dataclass(frozen=True, slots=True)
class Shard:
    """A unit of work: one attack with one budget on images `first` to `stop` (of the test set) of one target.

    `seed`: of its random draws. `key`: of everything that decides its rows; its part of the store is named by it.
    """

    target: str
    attack: str
    epsilon: float
    first: int
    stop: int
    seed: int
    key: str

    @property
    def id(self) -> str:
        """Readable and unique within a campaign, such as `circuit/square/0.1/40-50`."""
        return shard_id(self.target, self.attack, self.epsilon, self.first, self.stop)


def shard_id(*parts: object) -> str:
    """`circuit/square/0.1/40-50` from its parts, the image range last."""
    *head, first, stop = parts
    return "/".join([*map(str, head), f"{first}-{stop}"])


@dataclass(frozen=True, slots=True)
class Job:
    """A campaign as workers receive it. `identities`: of the targets when it was planned. `x`, `y`: the images and
    classes of all shards, uint8 (N, C, H, W) and int64 (N,), the first being `spec.images.first` of the test set."""

    spec: CampaignSpec
    identities: dict[str, Identity]
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, slots=True)
class ShardResult:
    """`columns`: of the store, one value per image. `queries`, `seconds`: for the rates, which the store leaves out."""

    columns: Columns
    queries: int
    seconds: float


class Bench:
    """Owns the targets of one worker, opened when a shard first needs them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._targets: dict[str, Target] = {}

    def run(self, shard: Shard) -> ShardResult:
        """Does one shard. Raises FlowError, or whatever the attack raises."""
        spec = next(attack for attack in self._job.spec.attacks if attack.name == shard.attack)
        target = self._target(shard.target)
        offset = self._job.spec.images.first
        part = slice(shard.first - offset, shard.stop - offset)
        x, y = self._job.x[part], self._job.y[part]
        start, asked = time.perf_counter(), target.queries
        clean = labels(target, x)
        batch = self._attack(spec, shard, target, x, y)
        found = labels(target, batch.images)
        queries, seconds = target.queries - asked, time.perf_counter() - start
        if not np.array_equal(batch.success, found != y):
            raise FlowError(f"{shard.id}: {shard.target} answered the same images differently when asked again")
        return ShardResult(_columns(shard, spec.norm, x, y, clean, batch, found), queries, seconds)

    def _attack(self, spec: AttackSpec, shard: Shard, target: Target, x: np.ndarray, y: np.ndarray) -> AdversarialBatch:
        seed = {"seed": shard.seed} if "seed" in registry.parameters(spec.attack) else {}
        attack = registry.build(spec.attack, spec.parameters | seed)
        if torch := sys.modules.get("torch"):  # the attack's: its sums must not depend on the machine's cores
            torch.set_num_threads(environment.threads())
        if not spec.source:
            return attack(target, x, y, shard.epsilon)
        found = attack(self._target(spec.source), x, y, shard.epsilon)
        transfer = Transfer(found.images, source=spec.source, seed=shard.seed, norm=spec.norm)
        return transfer(target, x, y, shard.epsilon)

    def _target(self, name: str) -> Target:
        if name not in self._targets:
            spec, planned = self._job.spec.target(name), self._job.identities[name]
            if (now := identity(spec)) != planned:
                raise FlowError(
                    f"target {name}: expected what the campaign was planned with ({planned}), got {now}; "
                    "start the campaign again"
                )
            self._targets[name] = open_target(spec)
        return self._targets[name]

    def close(self) -> None:
        for target in self._targets.values():
            close_target(target)
        self._targets.clear()


def _columns(
    shard: Shard,
    norm: str,
    x: np.ndarray,
    y: np.ndarray,
    clean: np.ndarray,
    batch: AdversarialBatch,
    found: np.ndarray,
) -> Columns:
    change = np.abs(batch.images.astype(np.int64) - x).reshape(len(x), -1)
    images = [image.tobytes() for image in batch.images]
    return {
        "target": [shard.target] * len(x),
        "attack": [shard.attack] * len(x),
        "norm": [norm] * len(x),
        "epsilon": [shard.epsilon] * len(x),
        "image": list(range(shard.first, shard.stop)),
        "label": y.tolist(),
        "clean_prediction": clean.tolist(),
        "success": batch.success.tolist(),
        "queries": batch.queries.tolist(),
        "linf_codes": change.max(axis=1).tolist(),
        "l2": (np.sqrt((change**2).sum(axis=1)) / 255).tolist(),
        "adversarial_prediction": found.tolist(),
        "sha256": [hashlib.sha256(image).hexdigest() for image in images],
        "adversarial": images,
    }
