"""Fetches what FINN's builds need from GitHub (its HLS library, board files) into a folder, at FINN's pinned commits.

`finn deps update` does the same but wants Vivado first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from finn.interface.manage_deps import DependencyUpdater
from finn.interface.settings import FINNSettings

folder = Path(sys.argv[1]).absolute()
settings = FINNSettings.init(auto_set_environment_vars=False, flow_config=folder / "flow.yaml", finn_deps=folder)
updater = DependencyUpdater(
    dependency_location=settings.finn_deps,
    dependency_definition_file=settings.finn_deps_definitions,
    git_timeout_s=600,
    non_interactive=True,
)
updater.update()  # exits with status 1 where one could not be fetched
