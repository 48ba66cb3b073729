"""Hypothesis without deadlines: the tests share two cores, and how long an example takes says nothing here."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
