"""The AMD boards that FINN knows and we offer. Parts and platforms are FINN's own tables (finn.util.basic)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from flows.errors import FlowError


@dataclass(frozen=True, slots=True)
class AmdBoard:
    """`finn_name`: FINN's name for it. `shell`: FINN's flow, `vivado_zynq` or `vitis_alveo`. `clock_ns`: period of the
    accelerator's clock."""

    name: str
    finn_name: str
    part: str
    shell: str
    clock_ns: float
    platform: str | None = None


_ZYNQ = "vivado_zynq"
BOARDS = {
    board.name: board
    for board in (
        AmdBoard("Pynq-Z1", "Pynq-Z1", "xc7z020clg400-1", _ZYNQ, 10.0),
        AmdBoard("Pynq-Z2", "Pynq-Z2", "xc7z020clg400-1", _ZYNQ, 10.0),
        AmdBoard("Ultra96", "Ultra96", "xczu3eg-sbva484-1-e", _ZYNQ, 5.0),
        AmdBoard("ZCU104", "ZCU104", "xczu7ev-ffvc1156-2-e", _ZYNQ, 5.0),
        AmdBoard("KV260", "KV260_SOM", "xck26-sfvc784-2LV-c", _ZYNQ, 5.0),
        AmdBoard("U250", "U250", "xcu250-figd2104-2L-e", "vitis_alveo", 4.0, "xilinx_u250_gen3x16_xdma_4_1_202210_1"),
    )
}


def amd_board(name: str) -> AmdBoard:
    """Raises FlowError for an unknown name."""
    if name not in BOARDS:
        close = difflib.get_close_matches(name, BOARDS, 1, 0.4)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise FlowError(f"--board: expected one of {', '.join(BOARDS)}, got {name!r}{hint}")
    return BOARDS[name]
