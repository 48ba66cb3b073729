"""Runs the rest of this FINN build, from code generation to the bitfile. Start it where Vivado is:

    XILINX_VIVADO=/tools/Xilinx/Vivado/2022.2 python build.py

It reads flow.json, model.onnx and folding.json beside it and writes `output/`; `work/` may be deleted afterwards.
Exit status 0 only where there is a bitfile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    vivado = os.environ.get("XILINX_VIVADO")
    if not vivado or not (Path(vivado) / "bin" / "vivado").is_file():
        print(f"expected Vivado's folder in XILINX_VIVADO, got {vivado or 'nothing'}", file=sys.stderr)
        return 2
    work = HERE / "work"
    work.mkdir(exist_ok=True)
    finn = Path(sys.executable).with_name("finn")
    options = ["--skip-dep-update", "--accept-defaults", "--batch", "--build-path", str(work)]
    command = [str(finn), "build", *options, str(HERE / "flow.json"), str(HERE / "model.onnx")]
    environment = os.environ | {"FINN_SETTINGS": str(work / "settings.yaml")}
    status = subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
    return status or _verdict(HERE / "output")


def _verdict(output: Path) -> int:
    """FINN's own exit status is 0 after a failed build too."""
    try:
        told = json.loads((output / "report" / "metadata_builder.json").read_text())["status"]
    except (OSError, ValueError, KeyError):
        told = "failed"
    bitfiles = sorted(path.name for path in (output / "bitfile").glob("*"))
    if told != "ok" or not bitfiles:
        print(f"FINN's build failed; its log: {output / 'build_dataflow.log'}", file=sys.stderr)
        return 1
    print(f"bitfile: {output / 'bitfile'}: {', '.join(bitfiles)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
