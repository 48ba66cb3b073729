"""Makes a study's runs one after the other; what has not changed since the last time is not run again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from flows.audit.run import audit_run
from flows.certify.run import certify_run
from flows.certify.run import read as certificate
from flows.config import Config
from flows.ensemble import record as ensemble_record
from flows.report import ensembles, robustness
from flows.run.engine import Display, execute
from flows.run.stage import until
from flows.stages import STAGES
from flows.study.spec import Study, StudyRun


def run_study(
    study: Study,
    out: Path,
    results: Path,
    configure: Callable[[StudyRun], Config],
    display: Callable[[list[str]], Display],
    say: Callable[[str], None],
) -> Path:
    """Makes every run under `out`, its rows under `results/robustness`, what `holdfast ensemble` says of it under
    `results/ensembles`; writes and returns `results/robustness.json`.

    `configure`: the configuration of a run, with the place of the data. `display`: one for the names of its stages.
    Raises FlowError for the first run that fails; those before it are kept.
    """
    for entry in study.runs:
        config, stages = configure(entry), until(STAGES, entry.until)
        folder = out / entry.name
        say(f"{entry.name}: {' '.join(stage.name for stage in stages)}")
        execute(stages, config, folder, display([stage.name for stage in stages]), frozenset(), command(entry))
        judge(entry, folder, say)
        say(f"written: {robustness.keep(folder, results, command(entry))}")
        if entry.ensemble:
            say(f"written: {ensembles.keep(folder, results)}")
    return robustness.assemble(results)


def command(entry: StudyRun) -> str:
    """What makes one run by hand."""
    settings = [word for setting in entry.settings() for word in ("--set", setting)]
    return shlex.join(["holdfast", "run", entry.preset, *settings, "--until", entry.until])


def judge(entry: StudyRun, folder: Path, say: Callable[[str], None]) -> None:
    """`holdfast audit`, `certify` and `ensemble`, where the study asks for them and they are not there yet."""
    from flows.audit.record import read as audited
    from flows.ensemble.effort import Effort
    from flows.ensemble.run import judge_ensemble

    there = audited(folder) or {"networks": {}}
    missing = [name for name in entry.audit if name not in there["networks"]]
    if missing:
        say(f"{entry.name}: audit of {', '.join(missing)}")
        audit_run(folder, missing, None)
    if entry.certify and certificate(folder) is None:
        say(f"{entry.name}: certify")
        certify_run(folder, None, None, 0)
    if entry.ensemble and ensemble_record.read(folder) is None:
        say(f"{entry.name}: ensemble")
        judge_ensemble(folder, Effort())
