"""Keeps what finn and qonnx say about their own graphs off a user's terminal; their errors still come through."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

FINN_LOGGER = "finn_logger"


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and no log lines of finn below an error, inside this block."""
    logger = logging.getLogger(FINN_LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
