"""From a specification to the shards of work, each with a seed and a key that no worker and no order has a part in."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from flows.campaign.bench import Job, Shard, shard_id
from flows.campaign.engines import identity
from flows.campaign.spec import AttackSpec, CampaignSpec, TargetSpec
from flows.errors import FlowError
from flows.run.digest import of_value
from flows.stages.files import read_arrays
from flows.targets.layout import check_images


def make_job(spec: CampaignSpec) -> Job:
    """Reads the images and identifies every target. Raises FlowError for what is missing or does not fit."""
    path, first, stop = Path(spec.images.file), spec.images.first, spec.images.first + spec.images.count
    x, y = read_arrays(path, "x", "y")
    check_images(x, str(path))
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise FlowError(f"{path}: expected a class number for each of {len(x)} images, got {y.dtype} {y.shape}")
    if stop > len(x):
        raise FlowError(f"{path}: expected at least {stop} images, got {len(x)}; lower images.count")
    identities = {target.name: identity(target) for target in spec.targets}
    return Job(spec, identities, np.ascontiguousarray(x[first:stop]), y[first:stop].astype(np.int64))


def shards(job: Job) -> list[Shard]:
    """Every unit of work of the campaign, in the order of the specification."""
    spec = job.spec
    end = spec.images.first + spec.images.count
    starts = range(spec.images.first, end, spec.shard_images)
    return [
        _shard(job, attack, spec.target(target), epsilon, first, min(first + spec.shard_images, end))
        for attack in spec.attacks
        for target in attack.targets
        for epsilon in attack.epsilons
        for first in starts
    ]


def shard_seed(campaign_seed: int, attack: str, epsilon: float, first: int, stop: int) -> int:
    """0 to 2**31 - 1, from the campaign's seed and the shard's id without its target.

    Every target meets the same random draws, so that what separates two targets is not chance, and the circuit's
    rows can be compared with the golden model's one by one.
    """
    text = f"{campaign_seed}/{shard_id(attack, epsilon, first, stop)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def _shard(job: Job, attack: AttackSpec, target: TargetSpec, epsilon: float, first: int, stop: int) -> Shard:
    seed = shard_seed(job.spec.seed, attack.name, epsilon, first, stop)
    part = slice(first - job.spec.images.first, stop - job.spec.images.first)
    source = dataclasses.astuple(job.identities[attack.source]) if attack.source else None
    key = of_value(
        {
            "id": shard_id(target.name, attack.name, epsilon, first, stop),
            "seed": seed,
            "attack": attack.attack,
            "parameters": attack.parameters,
            "target": dataclasses.astuple(job.identities[target.name]),
            "source": [attack.source, source],
            "images": images_digest(job.x[part], job.y[part]),
        }
    )
    return Shard(target.name, attack.name, epsilon, first, stop, seed, key[:32])


def images_digest(x: np.ndarray, y: np.ndarray) -> str:
    """sha256 of images and their classes."""
    return of_value([x.shape, hashlib.sha256(x.tobytes()).hexdigest(), y.tolist()])
