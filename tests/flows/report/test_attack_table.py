"""A campaign's published record and its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.report.attack_table import marks, publish_campaign, table, write_page

ROOT = Path(__file__).parents[3]


def cell(target: str, attack: str, norm: str, epsilon: float, accuracy: float) -> dict:
    return {"target": target, "attack": attack, "norm": norm, "epsilon": epsilon, "accuracy": accuracy}


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    folder = tmp_path / "campaign"
    folder.mkdir()
    targets = [
        {"name": "twin", "engine": "torch", "run": str(tmp_path / "run"), "network": "defended"},
        {"name": "circuit", "engine": "rtl", "run": str(tmp_path / "run"), "network": ""},
    ]
    record = {
        "spec": {"name": "small", "targets": targets, "images": {"file": "x.npz", "first": 0, "count": 4},
                 "attacks": [{"name": "pgd"}, {"name": "square"}]},
        "targets": {}, "images": {}, "shards": 3, "failed": [], "results": {},
        "clean": [{"target": name, "accuracy": 1.0} for name in ("twin", "circuit")],
        "attacks": [cell("twin", "square", "linf", 0.1, 0.75), cell("circuit", "square", "linf", 0.1, 0.75),
                    cell("twin", "pgd", "linf", 0.1, 0.5), cell("twin", "pgd", "l2", 1.5, 0.25)],
        "worst_case": [{"target": "twin", "norm": "l2", "epsilon": 1.5, "accuracy": 0.25},
                       {"target": "twin", "norm": "linf", "epsilon": 0.1, "accuracy": 0.5},
                       {"target": "circuit", "norm": "linf", "epsilon": 0.1, "accuracy": 0.75}],
    }  # fmt: skip
    (folder / "campaign.json").write_text(json.dumps(record))
    return folder


def test_the_table(campaign: Path, tmp_path: Path) -> None:
    published = publish_campaign(campaign, tmp_path / "results")
    assert published.name == "small.json" and str(tmp_path) not in published.read_text()
    assert table(tmp_path / "results", "small").splitlines() == [
        "| attack | norm | ε | twin | circuit |",
        "| --- | --- | --- | --- | --- |",
        "| none |  |  | 100.0 % | 100.0 % |",
        "| `pgd` | linf | 0.1 | 50.0 % | - |",
        "| `square` | linf | 0.1 | 75.0 % | 75.0 % |",
        "| `pgd` | l2 | 1.5 | 25.0 % | - |",
        "| **worst case** | linf | 0.1 | **50.0 %** | **75.0 %** |",
        "| **worst case** | l2 | 1.5 | **25.0 %** | **-** |",
        "| `holdfast audit` |  |  | - | - |",
    ]


def test_the_page(campaign: Path, tmp_path: Path) -> None:
    publish_campaign(campaign, tmp_path / "results")
    page, (begin, end) = tmp_path / "page.md", marks("small")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    write_page(page, tmp_path / "results")
    assert page.read_text() == f"before\n{begin}\n{table(tmp_path / 'results', 'small')}\n{end}\nafter\n"


def test_a_campaign_with_failures_is_refused(campaign: Path, tmp_path: Path) -> None:
    record = json.loads((campaign / "campaign.json").read_text()) | {"failed": [{"shard": "x", "error": "y"}]}
    (campaign / "campaign.json").write_text(json.dumps(record))
    with pytest.raises(FlowError, match="expected a whole campaign, got 1 failed shards"):
        publish_campaign(campaign, tmp_path)


def test_no_campaign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="expected a finished campaign"):
        publish_campaign(tmp_path, tmp_path)


@pytest.mark.parametrize("file", sorted((ROOT / "results" / "campaigns").glob("*.json")), ids=lambda path: path.stem)
def test_the_committed_page_says_what_was_found(file: Path) -> None:
    begin, end = marks(file.stem)
    text = (ROOT / "docs" / "robustness.md").read_text()
    assert text.split(begin)[1].split(end)[0].strip() == table(ROOT / "results", file.stem)
