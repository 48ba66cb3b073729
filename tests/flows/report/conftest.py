"""A synthetic run directory with every stage record, shaped like a real run on the digits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

OPS = [  # name, kind, cycles, folding, (shape, dtype, parallel), lut4, ff, ebr, dsp
    ("pad0", "pad", 100, {"SIMD": 1}, ([10, 10, 1], "UINT8", 1), 61, 42, 0, 0),
    ("window0", "window", 576, {"SIMD": 1}, ([8, 8, 9], "UINT8", 1), 188, 121, 0, 0),
    ("conv0", "matvec", 576, {"PE": 8, "SIMD": 1}, ([8, 8, 8], "INT14", 8), 911, 402, 1, 0),
    ("act0", "threshold", 64, {"PE": 8}, ([8, 8, 8], "UINT2", 8), 356, 96, 0, 0),
    ("pool0", "maxpool", 128, {"PE": 8}, ([4, 4, 8], "UINT2", 8), 77, 69, 0, 0),
    ("conv1", "matvec", 576, {"PE": 4, "SIMD": 8}, ([4, 4, 16], "INT10", 4), 1242, 540, 3, 0),
    ("act1", "threshold", 64, {"PE": 4}, ([4, 4, 16], "UINT2", 4), 301, 88, 1, 0),
    ("fifo0", "fifo", 64, {}, ([4, 4, 16], "UINT2", 4), 25, 14, 0, 0),
    ("fc0", "matvec", 512, {"PE": 2, "SIMD": 8}, ([32], "INT12", 2), 640, 377, 4, 2),
    ("act2", "threshold", 16, {"PE": 2}, ([32], "UINT2", 2), 140, 51, 0, 0),
    ("fc1", "matvec", 320, {"PE": 1, "SIMD": 1}, ([10], "INT9", 1), 118, 90, 1, 0),
    ("argmax0", "argmax", 10, {}, ([11], "INT9", 1), 83, 71, 0, 0),
]
RESOURCES = ("lut4", "ff", "ebr", "dsp")


def _check(name: str, passed: bool, value: str, why: str) -> dict[str, str]:
    return {"name": name, "verdict": "pass" if passed else "warn", "value": value, "why": why}


def _network(title: str, bits: list, clean: float, attacked: dict[str, float], zero: float) -> dict:
    worst = min(attacked.values()) - 0.01
    weights, activations = bits
    rows = [("fgsm", "clipped"), ("pgd", "clipped"), ("pgd", "identity"), ("pgd-margin", "tanh"), ("square", None)]
    return {
        "title": title,
        "weight_bits": weights,
        "activation_bits": activations,
        "clean": {"accuracy": clean, "low": clean - 0.021, "high": min(1.0, clean + 0.013), "images": 450},
        "attacks": [
            {
                "name": name,
                "backward": backward,
                "accuracy": attacked[f"{name}/{backward}"],
                "images": 200,
                "queries": 9000,
                "details": {"steps": 40, "restarts": 5} if name != "fgsm" else {},
            }
            for name, backward in rows
        ],
        "worst_case": {"accuracy": worst, "low": max(0.0, worst - 0.07), "high": worst + 0.07, "images": 200},
        "curve": [
            {"epsilon": step / 50, "accuracy": round(max(0.0, clean + (worst - clean) * step / 5), 4)}
            for step in range(9)
        ],
        "layers": {
            "blocks": ["input", "block 0", "block 1", "logits"],
            "adversarial": [0.2, 0.3, 0.35, 0.8],
            "noise": [0.1, 0.1, 0.06, 0.05],
            "factors": [2.5, None if activations == 1 else 1.5, 3.0],
            "product": None if activations == 1 else 11.25,
            "thresholds": [{"learned": [-1.0, 0.1, 0.9], "fixed": [-0.8, 0.0, 0.8]}] if "DQA" in title else [],
        },
        "audit": {
            "own_gradient": {"accuracy": attacked["pgd/clipped"], "low": 0.0, "high": 1.0, "images": 200},
            "zero_gradient_share": zero,
            "checks": [
                _check("single step not stronger than iterative", True, "0.520 >= 0.410", "Small steps fool more."),
                _check("unbounded attack reaches zero", True, "0.000 at epsilon 1", "The attack works here."),
                _check("most pixels have a gradient", zero < 0.5, f"{zero:.3f}", "Pixels tell which way to push."),
            ],
        },
    }


def _attacked(*values: float) -> dict[str, float]:
    names = ("fgsm/clipped", "pgd/clipped", "pgd/identity", "pgd-margin/tanh", "square/None")
    return dict(zip(names, values, strict=True))


def attack_record(rng: np.random.Generator) -> dict:
    examples = []
    for label in range(6):
        clean = (rng.random((8, 8)) < 0.4) * rng.integers(90, 256, (8, 8))
        adversarial = np.clip(clean + 25 * rng.choice([-1, 0, 1], (8, 8)), 0, 255)
        examples.append(
            {
                "label": label,
                "epsilon": 0.1,
                "clean": clean.tolist(),
                "adversarial": adversarial.tolist(),
                "clean_prediction": label,
                "adversarial_prediction": label if label == 2 else (label + 5) % 10,
            }
        )
    defended = _attacked(0.525, 0.47, 0.43, 0.41, 0.455)
    floating = _attacked(0.22, 0.04, 0.035, 0.03, 0.09)
    quantized = _attacked(0.35, 0.145, 0.115, 0.13, 0.12)
    return {
        "epsilon": 0.1,
        "images": 200,
        "networks": {
            "defended": _network("DQA dynamic + DQ", [[4, 4, 4, 8], 2], 0.9711, defended, 0.021),
            "float": _network("ReLU float", [None, None], 0.9844, floating, 0.0),
            "quantized": _network("ReLU uniform", [4, 2], 0.9756, quantized, 0.61),
        },
        "examples": examples,
    }


def circuit_record() -> dict:
    ops = [
        {
            "name": name,
            "kind": kind,
            "cycles": cycles,
            "folding": folding,
            "output": {"shape": shape, "dtype": dtype, "parallel": parallel},
            "estimate": dict(zip(RESOURCES, (int(lut * 1.15), ff + 7, ebr, 0), strict=True)),
        }
        for name, kind, cycles, folding, (shape, dtype, parallel), lut, ff, ebr, _ in OPS
    ]
    return {
        "clock_mhz": 25,
        "cycles_per_frame": 577,
        "cycles_per_frame_bound": 576,
        "latency_cycles": 941,
        "frames": 8,
        "ops": ops,
    }


def verify_record() -> dict:
    excused = {"image": 7, "operator": "act0", "channel": 2, "exact": "5/2", "threshold": "5/2"}
    rungs = [
        ("brevitas", "PyTorch", 450, 200, [], 1.31),
        ("qonnx", "qonnx executor", 60, 30, [excused], 9.7),
        ("golden", "onnxruntime", 450, 200, [], 0.3),
        ("finn", "FINN in Python", 40, 20, [], 12.2),
        ("rtl", "Verilator", 449, 199, [], 84.0),
    ]
    return {"rungs": [_rung(*rung) for rung in rungs]}


def netlist_record() -> dict:
    names = ("netlist", "routed")
    return {"rungs": [_rung(name, "Verilator, ECP5 cells", 448, 198, [], 31.0) for name in names]}


def _rung(*figures: object) -> dict:
    keys = ("rung", "engine", "images", "adversarial", "excused", "seconds")
    return dict(zip(keys, figures, strict=True), mismatches=0, first_divergence=None)


def bitstream_record(rng: np.random.Generator) -> dict:
    """Every operator's cells lie as a round cloud on the device, one entry a tile; the link's along its left edge."""
    tiles = {}
    for index, (_, _, _, _, _, lut, ff, _, _) in enumerate(OPS):
        centre = (22 + 27 * (index % 4), 18 + 27 * (index // 4))
        places = rng.normal(centre, 3.0 + (lut / 60) ** 0.5, (max(lut, ff), 2)).round().astype(int)
        tiles |= {(int(x), int(y)): index for x, y in np.clip(places, 0, (125, 94))}
    tiles |= {(int(x), int(y)): -1 for x, y in zip(rng.integers(0, 6, 240), rng.integers(0, 95, 240), strict=True)}
    cells = [[x, y, owner] for (x, y), owner in tiles.items()]
    totals = {kind: sum(op[5 + column] for op in OPS) for column, kind in enumerate(RESOURCES)}
    return {
        "board": "ulx3s_85f",
        "device": "LFE5U-85F",
        **{kind: total + extra for (kind, total), extra in zip(totals.items(), (240, 160, 0, 0), strict=True)},
        "slices": 3127,
        "available": {"lut4": 83640, "ff": 83640, "ebr": 208, "dsp": 156},
        "fmax_mhz": 71.2,
        "clock_mhz": 25,
        "bitstream": "ulx3s_85f.bit",
        "bytes": 1912344,
        "idcode": "0x41113043",
        "ops": [{"name": op[0], **dict(zip(RESOURCES, op[5:], strict=True))} for op in OPS],
        "floorplan": {"width": 126, "height": 95, "cells": cells},
        "seconds": {"synthesis": 61.5, "place_and_route": 142},
    }


def searched(name: str, access: str, **figures: object) -> dict:
    fixed = {"images": 16, "budget": 200, "most_queries": 199, "seconds": 2.5, "queries_per_second": 811.5}
    return {"name": name, "access": access, **fixed, "details": {}, **figures}


def survived(attack: str, found_on: str, **counts: int) -> dict:
    return {"attack": attack, "found_on": found_on, **counts, "same_scores": counts["replayed"]}


def hil_record() -> dict:
    return {
        "target": "rtl",
        "attack": "square, hop-skip-jump",
        "epsilon": 0.1,
        "images": 16,
        "queries": 3217,
        "clean_accuracy": 1.0,
        "accuracy": 0.4375,
        "queries_per_second": 903.4,
        "attacks": [
            searched("square", "scores", accuracy=0.5625, queries=1203),
            searched("hop-skip-jump", "labels", accuracy=0.625, queries=2014),
        ],
        "replay": {
            "images": 200,
            "same_scores": 200,
            "fool_twin": 121,
            "fool_circuit": 121,
            "attacks": [
                survived("pgd (clipped)", "torch", found=117, replayed=50, golden=50, circuit=50),
                survived("square", "rtl", found=7, replayed=7, golden=7, circuit=7),
            ],
        },
    }


CONFIG = """name = "digits-dqa"
seed = 7

[attack]
epsilon = 0.1
sweep = [0.0, 0.02, 0.04]

[board]
name = "ulx3s_85f"
"""


def manifest_record(stages: list[str]) -> dict:
    digest = {stage: f"{index:x}" * 64 for index, stage in enumerate(stages, start=1)}
    return {
        "format": 1,
        "stages": {
            stage: {
                "config": "c" * 64,
                "code": "d" * 64,
                "inputs": {f"{before}/{before}.json": digest[before] for before in [stages[index - 1]] if index},
                "tools": {"numpy": "2.4.6", "torch": "2.13.0"} if stage == "train" else {"onnx": "1.21.0"},
                "outputs": {f"{stage}.json": digest[stage]},
                "seed": 7,
                "seconds": 12.5 * (index + 1),
            }
            for index, stage in enumerate(stages)
        },
    }


def build_run(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    stages = {
        "data": {},
        "train": {},
        "attack": attack_record(rng),
        "export": {"logit_scale": 0.125},
        "compile": {},
        "circuit": circuit_record(),
        "verify": verify_record(),
        "bitstream": bitstream_record(rng),
        "netlist": netlist_record(),
        "hil": hil_record(),
    }
    for stage, record in stages.items():
        (folder / stage).mkdir(parents=True)
        (folder / stage / f"{stage}.json").write_text(json.dumps(record))
    (folder / "config.toml").write_text(CONFIG)
    (folder / "manifest.json").write_text(json.dumps(manifest_record(list(stages))))
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run."""
    return build_run(tmp_path / "digits-dqa")


@pytest.fixture
def edit():
    """`edit(run_folder, "hil", function)` changes a stage's record in place and writes it back."""

    def change(folder: Path, stage: str, function) -> None:
        path = folder / stage / f"{stage}.json"
        record = json.loads(path.read_text())
        function(record)
        path.write_text(json.dumps(record))

    return change
