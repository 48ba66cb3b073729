"""The headline numbers come from the stage records, and from nowhere else."""

from __future__ import annotations

import json
import shutil

import pytest

from flows.errors import FlowError
from flows.report.summary import summarize, write_summary


def test_a_finished_run(run_folder):
    summary = summarize(run_folder)
    assert summary["accuracy"]["clean"] == 0.9711
    assert summary["accuracy"]["worst_case"] == pytest.approx(0.40)
    assert summary["accuracy"]["float"]["clean"] == 0.9844
    assert summary["accuracy"]["quantized"]["clean"] == 0.9756
    assert summary["accuracy"]["quantized"]["worst_case"] == pytest.approx(0.105)
    assert summary["audit"] == {
        "verdict": "sound",
        "own_gradient": 0.47,
        "zero_gradient_share": 0.021,
        "warnings": 0,
        "failures": 0,
    }
    assert summary["exactness"] == {
        "images": 449,  # of the rtl rung, not the largest
        "adversarial": 199,
        "mismatches": {"brevitas": 0, "qonnx": 0, "golden": 0, "finn": 0, "rtl": 0, "netlist": 0, "routed": 0},
        "excused": 1,
    }
    assert summary["circuit"] == {
        "cycles_per_frame": 577,
        "cycles_per_frame_bound": 576,
        "lut4": 4382,
        "ff": 2121,
        "ebr": 10,
        "dsp": 2,
        "fmax_mhz": 71.2,
        "clock_mhz": 25,
        "frames_per_second": 25e6 / 577,
        "bitstream": "bitstream/ulx3s_85f.bit",
    }
    assert summary["hil"] == {
        "target": "rtl",
        "attack": "square, hop-skip-jump",
        "queries": 3217,
        "images": 16,
        "clean_accuracy": 1.0,
        "accuracy": 0.4375,
    }


def test_pgd_is_the_strongest_of_its_backward_passes_and_losses(run_folder, edit):
    assert summarize(run_folder)["accuracy"]["pgd"] == 0.41  # margin loss
    assert summarize(run_folder)["accuracy"]["quantized"]["pgd"] == 0.115  # identity pass; square's 0.12 is no PGD

    def only_fgsm(record):
        record["networks"]["defended"]["attacks"] = record["networks"]["defended"]["attacks"][:1]

    edit(run_folder, "attack", only_fgsm)
    assert "pgd" not in summarize(run_folder)["accuracy"]


def test_values_follow_the_records(run_folder, edit):
    edit(run_folder, "circuit", lambda record: record.update(cycles_per_frame=1000))
    edit(run_folder, "bitstream", lambda record: record.update(clock_mhz=50))
    edit(run_folder, "verify", lambda record: record["rungs"][4].update(mismatches=3))
    summary = summarize(run_folder)
    assert summary["circuit"]["clock_mhz"] == 50  # of the board, not of the compilation
    assert summary["circuit"]["frames_per_second"] == 50_000
    assert summary["exactness"]["mismatches"]["rtl"] == 3


def test_what_has_not_run_is_left_out(run_folder):
    for stage in ("hil", "bitstream", "attack"):
        shutil.rmtree(run_folder / stage)
    summary = summarize(run_folder)
    assert set(summary) == {"exactness", "circuit"}
    assert set(summary["circuit"]) == {"cycles_per_frame", "cycles_per_frame_bound", "clock_mhz", "frames_per_second"}


def test_an_empty_run_has_no_numbers(tmp_path):
    assert summarize(tmp_path) == {}


def test_twins_that_were_not_attacked_are_left_out(run_folder, edit):
    edit(run_folder, "attack", lambda record: record["networks"].update(float={}))
    edit(run_folder, "attack", lambda record: record["networks"].pop("quantized"))
    assert set(summarize(run_folder)["accuracy"]) == {"epsilon", "clean", "pgd", "worst_case"}


def test_written_whole_and_alike(run_folder):
    path = write_summary(run_folder)
    first = path.read_bytes()
    assert path == run_folder / "summary.json"
    assert json.loads(first) == summarize(run_folder)
    assert write_summary(run_folder).read_bytes() == first
    assert not list(run_folder.glob("*.part"))


BAD = [
    ("hil", "accuracy", 1.5, r"hil/hil.json: expected accuracy to be a number from 0 to 1, got 1.5; run the stage"),
    ("hil", "queries", True, r"hil/hil.json: expected queries to be an integer from 0 to \d+, got True"),
    (
        "hil",
        "attacks",
        [{"name": "square", "access": "all"}],
        r"hil/hil.json: expected attacks\[0\].access to be one of",
    ),
    ("hil", "target", 3, r"hil/hil.json: expected target to be a text, got 3"),
    ("circuit", "cycles_per_frame", 0, r"circuit/circuit.json: expected cycles_per_frame to be an integer from 1"),
    ("circuit", "clock_mhz", "fast", r"circuit/circuit.json: expected clock_mhz to be a number .* got 'fast'"),
    ("verify", "rungs", {}, r"verify/verify.json: expected rungs to be a list, got \{\}"),
    ("verify", "rungs", [7], r"verify/verify.json: expected rungs\[0\] to be an object, got 7"),
    ("bitstream", "bitstream", "../../etc/passwd", r"bitstream/bitstream.json: expected bitstream to be the name of a"),
    ("attack", "networks", None, r"attack/attack.json: expected networks to be an object, got None"),
]


@pytest.mark.parametrize(("stage", "key", "value", "text"), BAD)
def test_a_wrong_value_names_file_and_key(run_folder, edit, stage, key, value, text):
    edit(run_folder, stage, lambda record: record.update({key: value}))
    with pytest.raises(FlowError, match=text):
        summarize(run_folder)


def test_a_missing_key_is_named_with_its_place(run_folder, edit):
    edit(run_folder, "attack", lambda record: record["networks"]["float"]["attacks"][1].pop("accuracy"))
    with pytest.raises(FlowError, match=r"attack/attack.json: expected a key networks.float.attacks\[1\].accuracy"):
        summarize(run_folder)


def test_a_rung_twice_is_refused(run_folder, edit):
    edit(run_folder, "verify", lambda record: record["rungs"].append(record["rungs"][0]))
    with pytest.raises(FlowError, match="expected rungs to be one entry per rung, got \"'brevitas' 2 times\""):
        summarize(run_folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"accuracy": NaN}', '{"accuracy": 1e999}', "[" * 100_000, '"\xff"', "9" * 5000]
)
def test_what_is_no_json_object_is_refused(run_folder, text):
    (run_folder / "hil" / "hil.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FlowError, match=r"^hil/hil.json: expected a JSON"):
        summarize(run_folder)


def test_a_stage_folder_without_its_record_is_refused(run_folder):
    (run_folder / "verify" / "verify.json").unlink()
    with pytest.raises(FlowError, match="verify/verify.json: expected a JSON file"):
        summarize(run_folder)


def test_no_run_directory(tmp_path):
    with pytest.raises(FlowError, match="expected a run directory, got 'nowhere'"):
        summarize(tmp_path / "nowhere")
