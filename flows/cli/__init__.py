"""The command line: `app`, and one file per group of commands."""

from flows.cli import (
    board,
    build_amd,
    campaign,
    data,
    doctor,
    ensemble,
    fold,
    foreign,
    judge,
    publish,
    stages,
    study,
    update,
)
from flows.cli.app import app

__all__ = [
    "app",
    "board",
    "build_amd",
    "campaign",
    "data",
    "doctor",
    "ensemble",
    "fold",
    "foreign",
    "judge",
    "publish",
    "stages",
    "study",
    "update",
]
