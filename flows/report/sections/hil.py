"""Section 7: the attack through the circuit, and the replay of the twin's adversarial images on it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.attack.batch import grid_epsilon
from flows.report.record import Record
from flows.report.run_files import RunFiles


@dataclass(frozen=True, slots=True)
class Replay:
    """`same_scores`: images on which twin and circuit give the same integers; `fool_*`: images that fool each."""

    images: int
    same_scores: int
    fool_twin: int
    fool_circuit: int


@dataclass(frozen=True, slots=True)
class Hil:
    """`target`: what answered the queries. Accuracies are shares of `images`, 0..1."""

    target: str
    attack: str
    epsilon: float
    codes: int
    images: int
    queries: int
    clean_accuracy: float
    accuracy: float
    queries_per_second: float | None
    replay: Replay | None


def view(run: RunFiles) -> Hil | None:
    """What `hil.json` says; None where the stage has not run. Raises FlowError for a malformed record."""
    record = run.get("hil")
    if record is None:
        return None
    epsilon = record.share("epsilon")
    return Hil(
        record.text("target"),
        record.text("attack"),
        epsilon,
        grid_epsilon(epsilon),
        record.integer("images"),
        record.integer("queries"),
        record.share("clean_accuracy"),
        record.share("accuracy"),
        record.number("queries_per_second") if record.has("queries_per_second") else None,
        _replay(record.child("replay")) if record.has("replay") else None,
    )


def _replay(record: Record) -> Replay:
    images = record.integer("images")
    counts = (record.integer(key, 0, images) for key in ("same_scores", "fool_twin", "fool_circuit"))
    return Replay(images, *counts)
