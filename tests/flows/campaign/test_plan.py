"""Shards, their seeds and their keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from flows.campaign.engines import identity
from flows.campaign.plan import make_job, shard_seed, shards
from flows.campaign.spec import Engine, ImagesSpec, TargetSpec
from flows.errors import FlowError
from tests.flows.campaign.conftest import campaign, make_run


def test_shards_cover_every_image_once(golden_run: Path) -> None:
    job = make_job(campaign(golden_run, shard_images=7))
    planned = shards(job)
    assert len(planned) == 3 * 6 and len({shard.key for shard in planned}) == len({shard.id for shard in planned}) == 18
    for attack, epsilon in (("square", 0.02), ("square", 0.05), ("noise", 0.05)):
        mine = [shard for shard in planned if (shard.attack, shard.epsilon) == (attack, epsilon)]
        assert [image for shard in mine for image in range(shard.first, shard.stop)] == list(range(10, 50))
    assert planned[5].id == "golden/square/0.02/45-50"
    assert job.x.shape == (40, 1, 6, 6)


def test_seeds_come_from_the_campaign_and_the_id(golden_run: Path) -> None:
    two = [TargetSpec(name, Engine.ONNXRUNTIME, run=str(golden_run)) for name in ("a", "b")]
    spec = campaign(golden_run, *two)
    planned = shards(make_job(spec))
    seeds = {(shard.attack, shard.epsilon, shard.first): set() for shard in planned}
    for shard in planned:
        assert shard.seed == shard_seed(3, shard.attack, shard.epsilon, shard.first, shard.stop) < 1 << 31
        seeds[shard.attack, shard.epsilon, shard.first].add(shard.seed)
    assert all(len(same) == 1 for same in seeds.values()) and len(set.union(*seeds.values())) == 24
    other = shards(make_job(dataclasses.replace(spec, seed=4)))
    assert not {shard.seed for shard in other} & set.union(*seeds.values())
    assert shard_seed(3, "square", 0.1, 0, 10) == 863611330  # results published once must stay reproducible


def test_a_key_changes_with_what_it_stands_for_and_with_nothing_else(golden_run: Path, tmp_path: Path) -> None:
    spec = campaign(golden_run)
    keys = [shard.key for shard in shards(make_job(spec))]
    assert [shard.key for shard in shards(make_job(dataclasses.replace(spec, name="other")))] == keys
    longer = shards(make_job(dataclasses.replace(spec, images=dataclasses.replace(spec.images, count=45))))
    assert set(keys) < {shard.key for shard in longer}  # a longer campaign goes on from a shorter one
    copy = make_run(tmp_path / "run")
    assert [shard.key for shard in shards(make_job(campaign(copy)))] == keys
    with np.load(copy / "data" / "test.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    y[12] = (y[12] + 1) % 5
    np.savez(copy / "data" / "test.npz", x=x, y=y)
    changed = [shard.key for shard in shards(make_job(campaign(copy)))]
    assert [a == b for a, b in zip(changed, keys, strict=True)] == ([False] + [True] * 7) * 3


def test_what_is_missing(golden_run: Path, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"target circuit: expected circuit/library.so in the run .*finish the run"):
        identity(TargetSpec("circuit", Engine.RTL, run=str(golden_run)))
    spec = campaign(golden_run)
    with pytest.raises(FlowError, match="expected at least 61 images, got 60"):
        make_job(dataclasses.replace(spec, images=dataclasses.replace(spec.images, count=51)))
    with pytest.raises(FlowError, match="expected arrays x, y"):
        make_job(dataclasses.replace(spec, images=ImagesSpec(str(tmp_path / "none.npz"), 0, 1)))
