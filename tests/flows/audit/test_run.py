"""`holdfast audit` on a real, very small run: its file, its status, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.audit import record as audit_record
from flows.audit.run import audit_run
from flows.cli import app
from flows.errors import FlowError
from flows.report.results import _audit_of

SMALL = (
    *("data.train_images=200", "data.test_images=60", "train.epochs=2", "defence.steps=1"),
    *("network.channels=[4, 4]", "network.hidden=[8]", "attack.images=12", "attack.sweep=[0.1]"),
    *("attack.pgd_steps=3", "attack.pgd_restarts=1", "attack.square_queries=5"),
)
STATUS = {"sound": 0, "suspicious": 2, "masked": 3}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "small"
    settings = [word for item in SMALL for word in ("--set", item)]
    made = CliRunner().invoke(app, ["run", "digits", "--until", "attack", "--out", str(folder), *settings, "--debug"])
    assert made.exit_code == 0, made.output
    return folder


@pytest.mark.slow
def test_the_command_writes_its_record_and_ends_with_the_verdict(run: Path) -> None:
    done = CliRunner().invoke(app, ["audit", str(run), "--network", "float"])
    record = json.loads((run / "audit.json").read_text())
    network = record["networks"]["float"]
    assert list(record["networks"]) == ["float"] and network["worst_case"]["images"] == record["images"] == 12
    verdict = network["audit"]["verdict"]
    assert done.exit_code == STATUS[verdict] and f"float: {verdict}" in done.output
    names = {check["name"] for check in network["audit"]["checks"]}
    assert {"a larger budget fools what a smaller one does", "the worst case on record stands"} <= names
    assert _audit_of(run) == {}  # the defended network has not been asked

    done = CliRunner().invoke(app, ["audit", str(run), "--json"])
    both = json.loads(done.output)
    assert set(both["networks"]) == {"float", "defended"} and both["networks"]["float"] == network
    defended = both["networks"]["defended"]
    assert done.exit_code == STATUS[defended["audit"]["verdict"]]
    recorded = json.loads((run / "attack" / "attack.json").read_text())["networks"]["defended"]["worst_case"]
    assert defended["worst_case"]["accuracy"] <= recorded["accuracy"]
    assert {"transfer", "apgd-t", "temperature-pgd", "bim"} <= {attack["name"] for attack in defended["attacks"]}
    assert _audit_of(run)["audit"]["verdict"] == defended["audit"]["verdict"]

    fewer = audit_run(run, ["defended"], 5)
    assert set(fewer["networks"]) == {"defended"} and fewer["networks"]["defended"]["worst_case"]["images"] == 5


@pytest.mark.slow
def test_bad_requests_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="expected a network of defended, quantized, float, got 'big'"):
        audit_run(run, ["big"], None)
    with pytest.raises(FlowError, match=r"audit images: expected 1 to \d+ .*, got 0"):
        audit_run(run, ["float"], 0)
    with pytest.raises(FlowError, match="expected a run directory"):
        audit_run(tmp_path / "nothing", ["float"], None)
    with pytest.raises(FlowError, match="expected a run with a finished data stage"):
        audit_run(tmp_path, ["float"], None)


def test_an_audit_of_another_attack_record_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "attack.json").write_text("{}")
    assert audit_record.read(tmp_path) is None
    record = {audit_record.ATTACK_RECORD: "0" * 64, "networks": {}}
    audit_record.write(tmp_path / "audit.json", record)
    assert audit_record.read(tmp_path) is None
    (tmp_path / "audit.json").write_text("[1]")
    with pytest.raises(FlowError, match="expected an object with networks; run holdfast audit again"):
        audit_record.read(tmp_path)
    (tmp_path / "audit.json").write_text("{")
    with pytest.raises(FlowError, match="expected a JSON object"):
        audit_record.read(tmp_path)
