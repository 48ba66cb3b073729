from __future__ import annotations

import pytest

from flows.config import Config, load_preset


@pytest.fixture
def config() -> Config:
    return load_preset("digits")
