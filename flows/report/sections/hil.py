"""Section 7: the attacks through the circuit, and the replay of everything that was found anywhere on it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.attack.batch import grid_epsilon
from flows.report.record import Record
from flows.report.run_files import RunFiles

SEES = {"scores": "scores", "labels": "the class only"}


@dataclass(frozen=True, slots=True)
class Search:
    """One attack through the circuit. `sees`: in words. `budget`: queries per image; `queries`: asked in all."""

    name: str
    sees: str
    accuracy: float
    budget: int
    queries: int
    queries_per_second: float


@dataclass(frozen=True, slots=True)
class Survivors:
    """One attack's finds: of the `replayed` ones `golden` fool the golden model and `circuit` the circuit."""

    attack: str
    found_on: str
    found: int
    replayed: int
    golden: int
    circuit: int


@dataclass(frozen=True, slots=True)
class Replay:
    """`same_scores`: images on which twin and circuit give the same integers; `fool_*`: images that fool each."""

    images: int
    same_scores: int
    fool_twin: int
    fool_circuit: int
    attacks: tuple[Survivors, ...]


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
    attacks: tuple[Search, ...]
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
        tuple(_search(item) for item in record.children("attacks")) if record.has("attacks") else (),
        _replay(record.child("replay")) if record.has("replay") else None,
    )


def _search(record: Record) -> Search:
    access = record.text("access")
    if access not in SEES:
        raise record.wrong("access", f"one of {', '.join(SEES)}", access)
    return Search(
        record.text("name"),
        SEES[access],
        record.share("accuracy"),
        record.integer("budget"),
        record.integer("queries"),
        record.number("queries_per_second"),
    )


def _replay(record: Record) -> Replay:
    images = record.integer("images")
    counts = (record.integer(key, 0, images) for key in ("same_scores", "fool_twin", "fool_circuit"))
    attacks = record.children("attacks") if record.has("attacks") else ()
    return Replay(images, *counts, tuple(_survivors(item) for item in attacks))


def _survivors(record: Record) -> Survivors:
    found = record.integer("found")
    replayed = record.integer("replayed", 0, found)
    fooled = (record.integer(key, 0, replayed) for key in ("golden", "circuit"))
    return Survivors(record.text("attack"), record.text("found_on"), found, replayed, *fooled)
