"""`python -m benchmarks.bitstreams DIR`: one network's bitstream for several boards, unpacked and packed again."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.record import SYNTHESIS, earlier, versions, write
from flows.link.compiled import open_compiled
from flows.synthesize import ecppack
from flows.synthesize.ecp5 import synthesize
from hw.boards import board
from hw.dataflow import Dataflow

BOARDS = ("colorlight_i5", "ulx3s_12f", "ulx3s_25f", "ulx3s_45f", "ulx3s_85f")
COPIED = ("board", "device", "idcode", "lut4", "ff", "ebr", "dsp", "fmax_mhz", "clock_mhz", "bytes", "network_id")
UNPACKED, REPACKED = "unpacked.config", "repacked.bit"


def made(dataflow: Dataflow, name: str, folder: Path, clock_mhz: float, seed: int) -> dict[str, object]:
    """The row of one board. `idcode` is read out of the bitstream, `unpacked_device` is what ecpunpack knows it for,
    and `same_repacked` says whether what it unpacked packs to the same bytes."""
    record = synthesize(dataflow, board.load(name), folder, clock_mhz=clock_mhz, seed=seed, progress=print)
    device = ecppack.unpack(folder, record["bitstream"], UNPACKED)
    ecppack.pack(folder, UNPACKED, REPACKED)
    bitstream = folder / record["bitstream"]
    return {
        "network": dataflow.name,
        **{key: record[key] for key in COPIED},
        "idcode": f"0x{ecppack.idcode(bitstream):08x}",
        "expected_idcode": f"0x{board.load(name).idcode:08x}",
        "unpacked_device": device,
        "same_repacked": (folder / REPACKED).read_bytes() == bitstream.read_bytes(),
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.bitstreams", description=__doc__)
    parser.add_argument("circuit", type=Path, metavar="DIR", help="a run, or what compile --out made")
    parser.add_argument("--boards", nargs="+", default=BOARDS, choices=board.names())
    parser.add_argument("--work", type=Path, default=Path("build/bitstreams"), help="where the tools work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/bitstreams.json"))
    arguments = parser.parse_args()
    tools = versions(SYNTHESIS)
    with open_compiled(arguments.circuit, arguments.boards[0], "compile") as compiled:
        dataflow, clock_mhz = compiled.dataflow, compiled.clock_mhz
    rows = {(row["network"], row["board"]): row for row in earlier(arguments.out, tools)}
    for name in arguments.boards:
        row = made(dataflow, name, arguments.work / dataflow.name / name, clock_mhz, arguments.seed)
        rows[dataflow.name, name] = row
        write(arguments.out, {"versions": tools, "rows": list(rows.values())})
        print(row)


if __name__ == "__main__":
    main()
