"""The folder that is copied to an AMD board: server, driver, interface, stored answers, and a place for the bitfile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

import flows
from flows.pynq.check import FILE
from flows.pynq.serve import INTERFACE, PACKAGE
from flows.targets.onnx_target import OnnxTarget
from hw.dataflow import Dataflow
from hw.identity import identity

BOARD_FILES = (
    "__init__.py",
    "errors.py",
    "remote/__init__.py",
    "remote/protocol.py",
    "remote/server.py",
    "pynq/__init__.py",
    "pynq/packing.py",
    "pynq/interface.py",
    "pynq/driver.py",
    "pynq/check.py",
    "pynq/serve.py",
)
"""Of the package `flows`: what runs on the board, on Python 3.10, with numpy and pynq only."""
PACKAGE_FOLDER = "deploy"
BITFILES = {"vivado_zynq": "finn-accel.bit", "vitis_alveo": "finn-accel-0.xclbin"}
README = """\
Copy this folder to the board. `bitfile/` needs {bitfile}{beside} from the build's `output/bitfile`.
On the board, in this folder, as root with PYNQ's environment (source /etc/profile.d/pynq_venv.sh and xrt_setup.sh):

    python3 -m flows.pynq.serve --check
    head -c 24 /dev/urandom | base64 > token
    python3 -m flows.pynq.serve --host 0.0.0.0 --token-file token

Both compare {images} stored images with the golden model's scores before anything else. On the workstation:

    from flows.remote.client import RemoteTarget
    RemoteTarget("BOARD:4950", token).predict(images)
"""


def make_package(folder: Path, interface: Path, dataflow: Dataflow, images: np.ndarray, board: str, shell: str) -> None:
    """Fills the new `folder`. `interface`: `interface.json`; `images`: uint8 (N, C, H, W) whose scores are stored;
    `shell`: FINN's flow, which decides the bitfile's name."""
    root = Path(flows.__file__).parent
    for name in BOARD_FILES:
        target = folder / "flows" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
    (folder / "bitfile").mkdir()
    shutil.copyfile(interface, folder / INTERFACE)
    np.savez_compressed(folder / FILE, images=images, scores=OnnxTarget(dataflow).predict(images))
    bitfile = BITFILES[shell]
    record = {"board": board, "network": identity(dataflow), "bitfile": bitfile}
    (folder / PACKAGE).write_text(json.dumps(record, indent=1) + "\n")
    beside = " and finn-accel.hwh" if bitfile.endswith(".bit") else ""
    (folder / "README.md").write_text(README.format(bitfile=bitfile, beside=beside, images=len(images)))
