"""`summary.json`: the headline numbers of a run, from its stage JSONs alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from flows.report.run_files import RunFiles, open_run
from flows.report.sections import accuracy, circuit, exactness, hil


def summarize(run_folder: Path) -> dict:
    """The headline numbers of a run directory; what has not run yet is left out.

    Keys: `accuracy` (`clean`, `pgd`, `worst_case` of the defended network, shares 0..1; the same three under `float`
    and `quantized`; `epsilon`, pixel units), `audit` (`verdict`: sound, suspicious or masked;
    `own_gradient`: accuracy along the own gradient alone; `zero_gradient_share`; `warnings`, `failures`: counts; of
    the run's own checks), `exactness` (`images`,
    `adversarial`: of the circuit's rung; `golden_accuracy`: of all clean test images, in onnxruntime; `mismatches`:
    rung -> images that differ; `excused`: count), `circuit`
    (`cycles_per_frame`, `cycles_per_frame_bound`, `lut4`, `ff`, `ebr`, `dsp`, `fmax_mhz`, `clock_mhz`,
    `frames_per_second`, `bitstream`: path in the run directory), `hil` (`target`, `attack`, `queries`, `images`,
    `clean_accuracy`, `accuracy`). Raises FlowError naming file and key where a record is malformed.
    """
    run = open_run(run_folder)
    parts = {
        "accuracy": _accuracy(run),
        "audit": _audit(run),
        "exactness": _exactness(run),
        "circuit": _circuit(run),
        "hil": _hil(run),
    }
    return {name: part for name, part in parts.items() if part}


def write_summary(run_folder: Path) -> Path:
    """Writes `summary.json` into the run directory, whole or not at all; returns its path."""
    text = json.dumps(summarize(run_folder), indent=1, ensure_ascii=True)
    return write_whole(Path(run_folder) / "summary.json", text + "\n")


def write_whole(path: Path, text: str) -> Path:
    """Writes UTF-8 under a temporary name and renames it; what UTF-8 cannot hold becomes `?`."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(text.encode("utf-8", errors="replace"))
    os.replace(temporary, path)
    return path


def _known(**values: object) -> dict:
    return {key: value for key, value in values.items() if value is not None}


def _network(network: accuracy.Network | None) -> dict:
    if network is None:
        return {}
    return _known(
        clean=network.clean.share if network.clean else None,
        pgd=network.pgd,
        worst_case=network.worst_case.share if network.worst_case else None,
    )


def _accuracy(run: RunFiles) -> dict:
    seen = accuracy.view(run)
    if seen is None:
        return {}
    twins = {key: _network(seen.network(key)) for key in ("float", "quantized") if _network(seen.network(key))}
    return {"epsilon": seen.epsilon, **_network(seen.network("defended")), **twins}


def _audit(run: RunFiles) -> dict:
    seen = accuracy.view(run)
    defended = seen.network("defended") if seen else None
    if defended is None or defended.audit is None:
        return {}
    audit = defended.audit
    return _known(
        verdict=audit.overall.value if audit.overall else None,
        own_gradient=audit.own_gradient.share if audit.own_gradient else None,
        zero_gradient_share=audit.zero_gradient_share,
        warnings=len(audit.warnings),
        failures=len(audit.failures),
    )


def _exactness(run: RunFiles) -> dict:
    seen = exactness.view(run)
    if seen is None or seen.judged is None:
        return {}
    record = run.get("verify")
    clean = record.child("clean").share("accuracy") if record.has("clean") else None
    return {
        **_known(golden_accuracy=clean),
        "images": seen.judged.images,
        "adversarial": seen.judged.adversarial,
        "mismatches": {rung.name: rung.mismatches for rung in seen.rungs},
        "excused": seen.excused,
    }


def _circuit(run: RunFiles) -> dict:
    seen, built = circuit.view(run), circuit.bitstream(run)
    rate = circuit.frames_per_second(seen, built)
    return _known(
        cycles_per_frame=seen.cycles if seen else None,
        cycles_per_frame_bound=seen.bound if seen else None,
        **(built.used if built else {}),
        fmax_mhz=built.fmax_mhz if built else None,
        clock_mhz=circuit.clock_mhz(seen, built),
        frames_per_second=rate,
        bitstream=built.path if built else None,
    )


def _hil(run: RunFiles) -> dict:
    seen = hil.view(run)
    if seen is None:
        return {}
    keys = ("target", "attack", "queries", "images", "clean_accuracy", "accuracy")
    return {key: getattr(seen, key) for key in keys}
