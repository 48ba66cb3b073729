"""All findings, in the order in which they are shown."""

from __future__ import annotations

from flows.doctor.devices import find_devices
from flows.doctor.finding import Finding
from flows.doctor.packages import find_packages
from flows.doctor.place import find_place
from flows.doctor.programs import find_programs


def examine(deep: bool = False) -> list[Finding]:
    """`deep`: import every package too, each in a process of its own (a minute)."""
    return [*find_place(), *find_programs(), *find_packages(deep), *find_devices()]
