"""`results/robustness.json`: one row per trained network, defended or twin, and the table that is made from it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from brevitas_models.config import GRID_BITS
from flows.audit import record as audit_record
from flows.certify import run as certificate
from flows.errors import FlowError
from flows.report.markdown import markdown_table, write_between
from flows.report.run_files import open_run
from flows.report.sections import accuracy, exactness, layers
from flows.report.summary import write_whole
from flows.report.words import percent

BEGIN, END = "<!-- robustness: made by `holdfast study`; do not edit -->", "<!-- end of robustness -->"
FLOAT_BITS = 32
ORDER = ("digits", "mnist", "cifar10", "svhn", "speech")
#: Activation quantizers of the twins.
_TWINS = {"float": "float", "quantized": "relu"}
GROWTH = ("noise_growth", "attack_growth", "lipschitz_bound")
#: What the tables show of a row.
_SHOWN = ("dataset", "network", "defence", "activation", "objective", "lipschitz_beta", "jacobian", "diversity",
          "weight_bits", "activation_bits", "input_bits", "epsilon", "images", "epochs", "clean", "fgsm", "pgd",
          "worst_case", "audit", "audited", "verified", *GROWTH)  # fmt: skip
#: What a twin without defence follows from; where all of it agrees, two runs have trained the same twin.
_OF_A_TWIN = ("seed", "data", "network", "quant", "train", "attack")


def rows_of(run: Path, command: str) -> list[dict[str, object]]:
    """The rows of a run directory whose attack stage has finished: float twin, quantized twin, defended network.

    Each has `run`, `dataset`, `network`, `defence` (of float, quantized, dqa, dq, sq, jr, at, joined by +),
    `activation` (its quantizer, as presets call it), `objective` (what stands behind `at`: pgd, trades or interval;
    None without), `lipschitz_beta` (None without `dq`), `jacobian` (the penalty's weight for the logits, None without
    `jr`), `diversity` (its weight, None for what is no ensemble), `weight_bits`, `activation_bits`, `input_bits`,
    `epsilon` (pixel units, 0..1), `images` (attacked), `test_images`, `train_images`, `epochs`, `seed`, `clean`,
    `fgsm`, `pgd`, `own_gradient`, `worst_case` (shares, 0..1), `audit` (verdict), `audited` (by `holdfast audit`, not
    by the run alone), `noise_growth`, `attack_growth` (normalized distance of the logits over that of the pixels, for
    uniform noise and for the worst case's images, both of the same budget), `lipschitz_bound` (product over the layers;
    these three None where they were not looked at), `verified` (images that each rung of `holdfast verify` gave the
    golden integers of; None for twins and where it was not run), `command`; the defended one, where `holdfast certify`
    was there, `certified_epsilon`, `certified` and `certified_images`. A deeper audit of as many images lowers
    `worst_case`. Raises FlowError for an unfinished run.
    """
    files = open_run(run)
    seen = accuracy.view(files)
    if seen is None:
        raise FlowError(f"{run}: expected a run with a finished attack stage; run holdfast run --until attack first")
    config = tomllib.loads((run / "config.toml").read_text())
    config["data"].pop("directory", None)
    inside = layers.view(files)
    growth = {network.key: _growth(network) for network in inside.networks} if inside else {}
    rungs = exactness.view(files)
    audited = audit_record.read(run) or {"networks": {}, "images": 0}
    rows = []
    for network in seen.networks:
        names = _defences(config) if network.key == "defended" else [network.key]
        row: dict[str, object] = {
            "run": config["name"],
            "dataset": config["data"]["dataset"],
            "network": config["network"]["architecture"],
            "defence": "+".join(names),
            "activation": config["quant"]["activation"] if network.key == "defended" else _TWINS[network.key],
            "objective": _objective(config["defence"]) if "at" in names else None,
            "lipschitz_beta": config["defence"]["lipschitz_beta"] if "dq" in names else None,
            "jacobian": config["defence"]["jacobian"] if "jr" in names else None,
            "diversity": _diversity(config) if network.key == "defended" else None,
            "weight_bits": _config_bits(config["quant"], "weight_bits", network.key),
            "activation_bits": _config_bits(config["quant"], "activation_bits", network.key),
            "input_bits": config["quant"].get("input_bits", GRID_BITS) if network.key == "defended" else GRID_BITS,
            "epsilon": seen.epsilon,
            "images": seen.images,
            "test_images": network.clean.images,
            "train_images": config["data"]["train_images"],
            "epochs": config["train"]["epochs"],
            "seed": config["seed"],
            "clean": network.clean.share,
            "fgsm": next((attack.survived for attack in network.attacks if attack.name == "fgsm"), None),
            "pgd": network.pgd,
            "own_gradient": network.audit.own_gradient.share if network.audit.own_gradient else None,
            "worst_case": network.worst_case.share,
            "audit": network.audit.overall.value,
            "audited": False,
            **growth.get(network.key, dict.fromkeys(GROWTH)),
            "verified": _verified(rungs) if rungs and network.key == "defended" else None,
            "command": command,
        }
        if network.key in audited["networks"] and audited["images"] == seen.images:
            deeper = audit_record.headline(audited["networks"][network.key])
            row["worst_case"] = min(row["worst_case"], deeper["worst_case"])
            row |= {"audit": deeper["verdict"], "audited": True}
        if network.key == "defended":
            row |= _certified(run)
        rows.append(row | {"twin_of": _twin(config, "quantized" if _plain(row) else network.key)})
    return rows


def keep(run: Path, results: Path, command: str) -> Path:
    """Writes `results/robustness/<name>.json`, the rows of a run; returns the path."""
    rows = rows_of(run, command)
    folder = results / "robustness"
    folder.mkdir(parents=True, exist_ok=True)
    return write_whole(folder / f"{rows[0]['run']}.json", json.dumps(rows, indent=1) + "\n")


def assemble(results: Path) -> Path:
    """Writes `results/robustness.json` from all of `results/robustness/`: twins that are the same network once, as the
    run saw them that attacked them hardest. Raises FlowError for rows of an older version."""
    files = sorted((results / "robustness").glob("*.json"))
    if not files:
        raise FlowError(f"{results / 'robustness'}: expected rows of at least one run; holdfast study writes them")
    rows, twins = [], {}
    for row in (row for file in files for row in _whole(file)):
        twin = row.pop("twin_of", None)
        if twin is None:
            rows.append(row)
        else:
            there = twins.get(twin, row)
            verified = there["verified"] or row["verified"]
            twins[twin] = (row if _milder(there, row) else there) | {"verified": verified}
    rows += twins.values()
    rows.sort(key=lambda row: (place(row["dataset"]), row["network"], row["epsilon"], _rank(row), row["run"]))
    return write_whole(results / "robustness.json", json.dumps(rows, indent=1) + "\n")


def table(results: Path) -> str:
    """Markdown of `results/robustness.json`."""
    rows = json.loads((results / "robustness.json").read_text())
    head = ("data", "network", "defence", "W/A bits", "ε", "epochs", "clean", "FGSM", "PGD", "worst case", "audit",
            "proved at ε", "images", "exact in the circuit")  # fmt: skip
    lines = []
    for row in rows:
        proved = f"{_share(row['certified'])} at {row['certified_epsilon']:.3g}" if "certified" in row else "-"
        verdict = row["audit"] + (" \\*" if row["audited"] else "")
        figures = (_share(row[key]) for key in ("clean", "fgsm", "pgd", "worst_case"))
        lines.append([*cells(row), f"{row['epsilon']:g}", str(row["epochs"]), *figures, verdict, proved,
                      f"{row['images']:,}", _exact(row["verified"])])  # fmt: skip
    return markdown_table(head, lines)


def cells(row: dict) -> list[str]:
    """What a row is of: data, network, defence and bits, as a table shows them."""
    notes = ["fixed"] if row["activation"] == "dqa_fixed" else []
    notes += [f"β {row['lipschitz_beta']:g}"] if row["lipschitz_beta"] else []
    notes += [f"λ {row['jacobian']:g}"] if row["jacobian"] else []
    notes += [f"diversity {row['diversity']:g}"] if row["diversity"] is not None else []
    notes += [row["objective"]] if row["objective"] not in (None, "pgd") else []
    defence = row["defence"] + (f" ({', '.join(notes)})" if notes else "")
    bits = "float" if row["defence"] == "float" else f"{_bits(row['weight_bits'])}/{_bits(row['activation_bits'])}"
    bits += f", input {row['input_bits']}" if row["input_bits"] < GRID_BITS else ""
    return [row["dataset"], row["network"], defence, bits]


def write_page(page: Path, results: Path) -> None:
    """Puts `table(results)` between the two marks of a Markdown file. Raises FlowError where the marks are missing."""
    write_between(page, BEGIN, END, table(results))


def _whole(file: Path) -> list[dict]:
    rows = json.loads(file.read_text())
    if missing := [key for row in rows for key in _SHOWN if key not in row]:
        raise FlowError(
            f"{file}: expected {missing[0]} in every row, got none: an older holdfast wrote it; run its study again"
        )
    return rows


def _milder(there: dict, other: dict) -> bool:
    """Whether another run's attacks on the same network went further."""
    return (not there["audited"], there["worst_case"]) > (not other["audited"], other["worst_case"])


def _verified(seen: exactness.Exactness) -> dict[str, int]:
    return {rung.name: rung.images for rung in seen.rungs if not rung.mismatches}


def _exact(verified: dict[str, int] | None) -> str:
    images = (verified or {}).get(exactness.CIRCUIT)
    return f"{images:,} images" if images else "-"


def _growth(network: layers.Network) -> dict[str, float | None]:
    ends = [(distances[0], distances[-1]) for distances in (network.noise, network.adversarial)]
    values = [last / first if first else None for first, last in ends]
    return dict(zip(GROWTH, [*values, network.product], strict=True))


def _config_bits(quant: dict, which: str, key: str) -> int | list[int]:
    """Of an ensemble, those of each member."""
    if key == "float":
        return FLOAT_BITS
    return key == "defended" and quant.get("members") or quant[which]


def _defences(config: dict) -> list[str]:
    defence = config["defence"]
    there = {
        "dqa": config["quant"]["activation"].startswith("dqa"),
        "sq": config["quant"]["activation"] == "sq",
        "dq": defence["lipschitz_beta"] > 0,
        "jr": defence["jacobian"] > 0 or defence["jacobian_layers"] > 0,
        "at": defence["adversarial"] > 0 or defence["interval"] > 0,
    }
    return [name for name, has in there.items() if has] or ["quantized"]


def _diversity(config: dict) -> float | None:
    return config["defence"]["diversity"] if config["quant"].get("members") else None


def _objective(defence: dict) -> str:
    return "interval" if defence["interval"] > 0 else defence["objective"]


def _certified(run: Path) -> dict[str, object]:
    record = certificate.read(run)
    if record is None:
        return {}
    proved = record["certified"]
    return {
        "certified_epsilon": record["epsilon"],
        "certified": proved["accuracy"],
        "certified_images": proved["images"],
    }


def _plain(row: dict) -> bool:
    """Whether what a run calls its defended network is plain quantization, as its twin."""
    as_twin = (row["defence"], row["activation"]) == ("quantized", _TWINS["quantized"])
    return as_twin and row["diversity"] is None and row["input_bits"] == GRID_BITS


def _twin(config: dict, key: str) -> str | None:
    """What two runs' networks without defence have in common where they are the same; None for a defended one."""
    if key not in _TWINS:
        return None
    parts = {part: config[part] for part in _OF_A_TWIN}
    quant = {name: config["quant"][name] for name in ("weight_bits", "activation_bits", "scale")}
    return json.dumps([key, parts | {"quant": quant if key == "quantized" else None}], sort_keys=True)


def place(dataset: str) -> int:
    """Where a data set stands among others in the tables."""
    return ORDER.index(dataset) if dataset in ORDER else len(ORDER)


def _rank(row: dict) -> tuple[int, str]:
    twins = ("float", "quantized")
    return (twins.index(row["defence"]) if row["defence"] in twins else len(twins), row["defence"])


def _bits(bits: int | list[int]) -> str:
    return "-".join(map(str, bits)) if isinstance(bits, list) else str(bits)


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)
