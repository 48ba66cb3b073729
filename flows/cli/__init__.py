"""The command line: `app`, and one file per group of commands."""

from flows.cli import campaign, data, foreign, judge, publish, stages
from flows.cli.app import app

__all__ = ["app", "campaign", "data", "foreign", "judge", "publish", "stages"]
