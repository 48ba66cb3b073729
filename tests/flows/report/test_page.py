"""The page: self-contained, complete, escaped, and the same for the same records."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from flows.errors import FlowError
from flows.report.page import render, write
from flows.report.run_files import STAGES
from flows.report.summary import summarize

VOID = {"meta", "link", "br", "img", "input", "hr"}
EMPTY_SVG = {"path", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """Tags with attributes, the text per section; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(html)
        self.close()
        assert not self._open

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._section = dict(attrs)["id"]
        if tag not in VOID:
            assert tag not in EMPTY_SVG
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        self._section = "" if tag == "section" else self._section

    def handle_data(self, data):
        self.text[self._section] = re.sub(r"\s+", " ", self.text.get(self._section, "") + data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def page(run_folder) -> Page:
    return Page(render(run_folder))


def test_asks_the_network_for_nothing(page):
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            if name in ("src", "href", "srcset", "poster", "data", "action", "xlink:href"):
                assert value.startswith("#") or value.startswith("data:"), (tag, name, value)
            assert "url(" not in (value or "")
    assert not {"script", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    assert "http" not in page.text[""].replace("http-equiv", "")


def test_the_browser_is_told_to_refuse_requests(page):
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


HEADLINES = {
    "headline": [
        *("97.1 %", "40.0 %", "10.5 %", "2.0 %", "25/255", "43,328", "577", "4,382", "5.2 %", "71.2 MHz", "43.8 %"),
        *(
            "3,217 queries to rtl",
            "449 images on the rtl rung",
            "calls this figure sound (0 warnings and 0 failures in 3 checks)",
            "5 attacks",
        ),
    ],
    "accuracy": [
        *("DQA dynamic + DQ", "4/4/4/8-bit weights, 2-bit activations", "pgd-margin, through tanh", "40.0 %"),
        *("square, without this network’s gradients", "(33.0 % to 47.0 %)", "2.1 % of the gradients", "masked"),
        *("✓ no sign of masking", "⚠ possible masking", "0.520 >= 0.410", "steps 40, restarts 5"),
    ],
    "images": ["6 of 6 recorded examples", "at most 25/255", "It is a 2: the attack failed", "the network was fooled"],
    "exactness": ["onnxruntime", "✓ 0", "1 excused case on qonnx", "exact 5/2", "1 min 24 s", "449", "199"],
    "circuit": [
        *("577 cycles an image", "576 as the bound", "941 cycles", "PE 8, SIMD 1", "8 × 8 × 8 INT14, 8 a beat"),
        *("LFE5U-85F", "0x41113043", "✓ timing met", "bitstream/ulx3s_85f.bit", "1,912,344 bytes", "83,640"),
        *("911 (1,047)", "place and route 2 min 22 s"),
    ],
    "floorplan": ["126 × 95 tiles", "conv1", "everything else"],
    "hil": [
        *("The attacks square, hop-skip-jump", "3,217 queries (903 a second) for 16 images", "100.0 %", "43.8 %"),
        *("200 of 200", "121 fool", "56.2 %", "the class only", "2,014", "pgd (clipped)", "117"),
    ],
    "reproduction": ["holdfast run config.toml", "attacks: 7", "sweep = [0.0, 0.02, 0.04]", "torch 2.13.0", "c" * 12],
}


@pytest.mark.parametrize("section", HEADLINES)
def test_every_section_says_its_figures(page, section):
    for figure in HEADLINES[section]:
        assert figure in page.text[section], figure


def test_figures_come_from_the_records(run_folder, edit):
    edit(run_folder, "hil", lambda record: record.update(accuracy=0.3125, queries=98765))
    page = Page(render(run_folder))
    assert "31.2 % of 16 images" in page.text["headline"]
    assert "98,765" in page.text["hil"]
    assert "43.8 %" not in page.text["headline"] + page.text["hil"]


def test_a_reader_who_sees_no_pictures(page):
    assert all(image["alt"] for image in page.all("img"))
    assert [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert all("scope" in head for head in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]
    targets = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {link["href"][1:] for link in page.all("a")} <= targets


def test_hostile_text_stays_text(run_folder, edit):
    evil = "\"><script>alert(1)</script><img src=http://evil.example onerror=x>'{{ 7*7 }}"

    def everywhere(value):
        if isinstance(value, dict):
            safe = ("verdict", "bitstream", "access")
            return {key: entry if key in safe else everywhere(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [everywhere(entry) for entry in value]
        return evil if isinstance(value, str) else value

    for stage in ("attack", "circuit", "bitstream", "hil", "manifest"):
        path = run_folder / ("manifest.json" if stage == "manifest" else f"{stage}/{stage}.json")
        path.write_text(json.dumps(everywhere(json.loads(path.read_text()))))
    edit(run_folder, "attack", lambda r: r["networks"]["defended"]["attacks"][0].update(details={evil: {evil: evil}}))
    divergence = {"image": 1, "operator": evil, "expected": evil, "got": evil, "against": evil, "channel": evil}
    hostile = {"rung": evil, "engine": evil, "excused": [{evil: evil}], "mismatches": 1, "first_divergence": divergence}
    edit(run_folder, "verify", lambda record: record["rungs"][1].update(hostile))
    (run_folder / "config.toml").write_text(f"name = {json.dumps(evil)}\nseed = {json.dumps(evil)}\n")
    html = render(run_folder)
    page = Page(html)
    assert "<script" not in html and "<img src=http" not in html and "49" not in page.text["hil"]
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert all(attrs["src"].startswith("data:image/png;base64,") for attrs in page.all("img"))
    for section in HEADLINES:
        if section != "images":  # numbers and pixels only
            assert evil in page.text[section], section
    assert html.count("&lt;script&gt;") > 30


def test_lone_surrogates_do_not_stop_the_page(run_folder, edit):
    edit(run_folder, "hil", lambda record: record.update(target="rtl\ud800"))
    assert "rtl?" in write(run_folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("done", range(len(STAGES) + 1))
def test_a_run_that_stopped_early(run_folder, done):
    for stage in list(STAGES)[done:]:
        shutil.rmtree(run_folder / stage)
    page = Page(render(run_folder))
    missing = list(STAGES)[done:]
    assert ("This run is not complete" in page.text[""]) == bool(missing)
    for stage in STAGES:
        assert (f"{stage} ({STAGES[stage]})" in page.text[""]) == (stage in missing)
    assert ("the hil stage has not run" in page.text["hil"]) == ("hil" in missing)
    assert ("97.1 %" in page.text["headline"]) == ("attack" not in missing)
    assert ("43,328" in page.text["headline"]) == ("circuit" not in missing)


def test_nothing_but_a_directory(tmp_path):
    page = Page(render(tmp_path))
    assert "No stage with figures has run yet" in page.text["headline"]
    assert "no manifest.json" in page.text["reproduction"] and "no config.toml" in page.text["reproduction"]


def test_bad_news_is_told(run_folder, edit):
    def diverge(record):
        place = {"image": 3, "operator": "act0", "channel": 2, "pixel": [1, 4], "expected": 2, "got": 3}
        record["rungs"][4].update(mismatches=5, first_divergence=place | {"against": "golden"})
        del record["rungs"][3]

    edit(run_folder, "verify", diverge)
    edit(run_folder, "bitstream", lambda record: record.update(fmax_mhz=24.9))
    edit(run_folder, "hil", lambda record: record["replay"].update(same_scores=198))
    edit(run_folder, "attack", lambda r: r["networks"]["defended"]["audit"]["checks"][0].update(verdict="warn"))
    page = Page(render(run_folder))
    assert "The circuit is NOT proven exact: mismatches on rtl (5)" in page.text["headline"]
    assert "timing is NOT met at 25 MHz" in page.text["headline"]
    assert "calls this figure suspicious (1 warning and 0 failures in 3 checks)" in page.text["headline"]
    edit(run_folder, "attack", lambda r: r["networks"]["defended"]["audit"]["checks"][1].update(verdict="fail"))
    masked = Page(render(run_folder))
    assert "calls this figure masked (1 warning and 1 failure in 3 checks)" in masked.text["headline"]
    assert "do not quote it" in masked.text["headline"] and "Verdict: masked" in masked.text["accuracy"]
    spelled = (
        "First divergence on rtl: image 3, operator act0, channel 2, pixel [1, 4]: expected 2, got 3 (against golden)"
    )
    assert spelled in page.text["exactness"]
    assert "Rungs that have not run: finn" in page.text["exactness"]
    assert "twin and circuit differ on 2" in page.text["hil"]


def test_a_rung_that_a_network_cannot_have_is_no_rung_without_mismatches(run_folder, edit):
    def take_away(record):
        finn = {"images": 0, "adversarial": 0, "seconds": 0.0, "unavailable": "branches meet at fc1"}
        record["rungs"][3].update(finn)

    edit(run_folder, "verify", take_away)
    text = Page(render(run_folder)).text
    assert "No rung finn: branches meet at fc1." in text["exactness"] and "have not run" not in text["exactness"]
    assert "brevitas, qonnx, golden, rtl, netlist and routed agree" in text["headline"].lower()
    assert "finn" not in summarize(run_folder)["exactness"]["mismatches"]


def test_stages_older_than_their_inputs_are_named(run_folder):
    path = run_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    assert "out of date" not in render(run_folder)
    manifest["stages"]["attack"]["outputs"]["attack.json"] = "f" * 64
    path.write_text(json.dumps(manifest))
    assert "export (older than attack)" in Page(render(run_folder)).text[""]


def test_the_reports_own_record_does_not_change_the_page(run_folder):
    before = render(run_folder)
    path = run_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["stages"]["report"] = manifest["stages"]["hil"] | {"outputs": {"../report.html": "a" * 64}}
    path.write_text(json.dumps(manifest))
    assert render(run_folder) == before


def test_same_records_same_bytes(run_folder, tmp_path):
    first = write(run_folder)
    assert first == run_folder / "report.html"
    copy = tmp_path / "elsewhere"
    shutil.copytree(run_folder, copy)
    assert write(copy).read_bytes() == first.read_bytes() == write(run_folder).read_bytes()
    assert len(first.read_bytes()) < 200_000


def test_a_malformed_record_leaves_no_page(run_folder, edit):
    edit(run_folder, "attack", lambda record: record["examples"][1]["clean"][2].append(0))
    with pytest.raises(FlowError, match=r"attack/attack.json: expected examples\[1\].clean to be rows of equal length"):
        write(run_folder)
    assert not list(run_folder.glob("report*"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("name = ", "config.toml: expected a TOML file"), ("name = 3", "config.toml: expected name to be a text, got 3")],
)
def test_a_malformed_configuration(run_folder, text, message):
    (run_folder / "config.toml").write_text(text)
    with pytest.raises(FlowError, match=message):
        render(run_folder)


def test_a_malformed_manifest(run_folder):
    (run_folder / "manifest.json").write_text('{"stages": {"train": {"seed": 1, "tools": {"torch": 2}}}}')
    with pytest.raises(FlowError, match="manifest.json: expected stages.train.tools.torch to be a text, got 2"):
        render(run_folder)
