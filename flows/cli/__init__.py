"""The command line: `app`, and one file per group of commands."""

from flows.cli import build_amd, campaign, data, doctor, foreign, judge, publish, stages
from flows.cli.app import app

__all__ = ["app", "build_amd", "campaign", "data", "doctor", "foreign", "judge", "publish", "stages"]
