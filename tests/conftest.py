"""Hypothesis without deadlines: the tests share two cores, and how long an example takes says nothing here.
ART's configuration is there before several workers import it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from flows import art_settled  # noqa: F401

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
