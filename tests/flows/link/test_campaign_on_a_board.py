"""A campaign and a server with a board on a serial port as their target."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from flows.attack.common import labels
from flows.campaign.campaign import run_campaign
from flows.campaign.local_crew import LocalCrew
from flows.campaign.spec import AttackSpec, CampaignSpec, Engine, ImagesSpec, TargetSpec
from flows.errors import FlowError
from flows.remote.serve import open_engine
from flows.targets.onnx_target import OnnxTarget
from tests.flows.link.small_circuit import classifier, pictures


@pytest.fixture
def campaign(tmp_path: Path) -> CampaignSpec:
    """Square on the golden model of a run and on a board that holds its circuit."""
    run = tmp_path / "run"
    for name in ("data", "compile"):
        (run / name).mkdir(parents=True)
    x = pictures(8)
    np.savez_compressed(run / "data" / "test.npz", x=x, y=labels(OnnxTarget(classifier()), x))
    classifier().save(run / "compile")
    targets = (
        TargetSpec("golden", Engine.ONNXRUNTIME, run=str(run)),
        TargetSpec("board", Engine.SERIAL, run=str(run), address="serial:/dev/none"),
    )
    attacks = (AttackSpec("square", "square", ("golden", "board"), (0.1,), {"queries": 12}),)
    return CampaignSpec("small", 3, 4, ImagesSpec(str(run / "data" / "test.npz"), 0, 8), targets, attacks)


def at(spec: CampaignSpec, port: str) -> CampaignSpec:
    board = dataclasses.replace(spec.targets[1], address=f"serial:{port}")
    return dataclasses.replace(spec, targets=(spec.targets[0], board))


@pytest.mark.sim
def test_the_board_falls_where_the_golden_model_falls(simulate, campaign: CampaignSpec, tmp_path: Path) -> None:
    with simulate() as board:
        record = run_campaign(at(campaign, board.port), tmp_path / "out", LocalCrew, 1)
        with open_engine(tmp_path / "run", f"serial:{board.port}", classifier()) as target:
            np.testing.assert_array_equal(target.predict(pictures(3)), OnnxTarget(classifier()).predict(pictures(3)))
    golden, serial = (
        {key: value for key, value in row.items() if key != "target"}
        for row in sorted(record["attacks"], key=lambda row: row["target"], reverse=True)
    )
    assert record["failed"] == [] and golden == serial


def test_one_worker_only(campaign: CampaignSpec, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="target board: a serial port has one user, expected 1 worker, got 2"):
        run_campaign(campaign, tmp_path / "out", LocalCrew, 2)


def test_a_board_that_is_not_there(campaign: CampaignSpec, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="/dev/none: expected a serial port at 1000000 baud"):
        run_campaign(campaign, tmp_path / "out", LocalCrew, 1)


def test_addresses_are_checked_when_the_file_is_read() -> None:
    with pytest.raises(FlowError, match="expected serial:PORT or serial:PORT@BAUD, got '/dev/ttyUSB0'"):
        TargetSpec("board", Engine.SERIAL, run="run", address="/dev/ttyUSB0")
