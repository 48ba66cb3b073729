"""Runs the rest of this FINN build, from code generation to the bitfile. Start it where Vivado is:

    XILINX_VIVADO=/tools/Xilinx/Vivado/2022.2 python build.py

It reads flow.json, model.onnx and folding.json beside it and writes `output/`; `work/` may be deleted afterwards.
XILINX_HLS and XILINX_VITIS are the folders beside Vivado's unless they are set. Exit status 0 only where there is a
bitfile.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HLS = ("vitis_hls", "vitis-run")
"""The program that compiles the C++ layers, until 2024.1 and since."""


def main() -> int:
    vivado = Path(os.environ.get("XILINX_VIVADO") or "no folder")
    if not (vivado / "bin" / "vivado").is_file():
        return _fail(f"expected Vivado's folder in XILINX_VIVADO, got {vivado}")
    hls = _beside(vivado, "XILINX_HLS", "Vitis_HLS", "Vitis")
    if not any((hls / "bin" / name).is_file() for name in HLS):
        return _fail(f"expected Vitis HLS beside Vivado or in XILINX_HLS, got {hls}")
    finn = Path(sys.executable).with_name("finn")
    if not finn.is_file():
        return _fail(f"expected finn-plus beside {sys.executable}, found none")
    work, output = HERE / "work", HERE / "output"
    for old in (work, output):
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir()
    options = ["--skip-dep-update", "--accept-defaults", "--batch", "--build-path", str(work)]
    command = [str(finn), "build", *options, str(HERE / "flow.json"), str(HERE / "model.onnx")]
    programs = os.pathsep.join([str(vivado / "bin"), str(hls / "bin"), os.environ.get("PATH", "")])
    environment = os.environ | {
        "PATH": programs,  # finn looks for vivado there before it sets it itself
        "XILINX_HLS": str(hls),
        "XILINX_VITIS": str(_beside(vivado, "XILINX_VITIS", "Vitis")),
        "FINN_SETTINGS": str(work / "settings.yaml"),
    }
    status = subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
    return status or _verdict(output)


def _beside(vivado: Path, name: str, *folders: str) -> Path:
    """The folder that the variable names, else the first of `folders` beside Vivado's, of the same version."""
    if named := os.environ.get(name):
        return Path(named)
    candidates = [vivado.parents[1] / folder / vivado.name for folder in folders]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def _verdict(output: Path) -> int:
    """FINN's own exit status is 0 after a failed build too."""
    try:
        told = json.loads((output / "report" / "metadata_builder.json").read_text())["status"]
    except (OSError, ValueError, KeyError):
        told = "failed"
    bitfiles = sorted(path.name for path in (output / "bitfile").glob("*"))
    if told != "ok" or not bitfiles:
        return _fail(f"FINN's build failed; its log: {output / 'build_dataflow.log'}")
    print(f"bitfile: {output / 'bitfile'}: {', '.join(bitfiles)}")
    return 0


def _fail(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
