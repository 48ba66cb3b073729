"""The sources of FINN's nodes: Verilog and memory files of RTL layers, C++ and scripts of HLS layers. No Vivado."""

from __future__ import annotations

import shutil
from pathlib import Path

import finn.util.settings
from finn.interface.settings import FINNSettings
from finn.util.fpgadataflow import is_rtl_node
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from flows.errors import FlowError

LIBRARY = "library"
"""Folder of the modules that several layers share."""
_FOLDER = "code_gen_dir_ipgen"


def write_sources(model: ModelWrapper, folder: Path, part: str, clock_ns: float) -> dict[str, dict[str, object]]:
    """A folder per node in `folder`, and `library/`. Per node: `style` (rtl or hls) and `files`, relative to `folder`,
    those that an RTL layer is elaborated from in order. The model itself is left without paths of this machine.

    Raises FlowError naming the node that FINN cannot generate.
    """
    library = folder / LIBRARY
    library.mkdir(parents=True)
    # finn asks a global for its library; no settings file is read, and none written at home
    finn.util.settings._SETTINGS = settings = FINNSettings.init(
        override_settings_path=folder / "none.yaml",
        flow_config=folder / "none.yaml",
        auto_set_environment_vars=False,
        finn_build_dir=folder,
    )
    written = {}
    for node in model.graph.node:
        instance, own = getCustomOp(node), folder / node.name
        own.mkdir()
        instance.set_nodeattr(_FOLDER, str(own))
        try:
            instance.code_generation_ipgen(model, part, clock_ns)
            files = instance.get_rtl_file_list(abspath=True) if is_rtl_node(node) else sorted(map(str, own.iterdir()))
        except Exception as error:  # finn raises bare Exceptions of its own
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise FlowError(f"FINN cannot generate {node.name} ({node.op_type}): {why}") from error
        _relative(own, {f"{folder}/": "", str(settings.finn_deps): "$::env(FINN_DEPS)"})
        for attribute in list(node.attribute):  # finn would take the folder for its own on the other machine
            if attribute.name in (_FOLDER, "ipgen_path", "ip_path", "gen_top_module"):
                node.attribute.remove(attribute)
        written[node.name] = {
            "style": "rtl" if is_rtl_node(node) else "hls",
            "files": [str(_kept(Path(file), own, library).relative_to(folder)) for file in files],
        }
    return written


def _relative(own: Path, names: dict[str, str]) -> None:
    """Replaces this machine's paths: a file's is relative to the sources' folder, where a simulator has to run."""
    for file in own.iterdir():
        if file.suffix in (".tcl", ".v", ".sv", ".cpp"):
            text = file.read_text()
            for path, name in names.items():
                text = text.replace(path, name)
            file.write_text(text)


def _kept(file: Path, own: Path, library: Path) -> Path:
    """The file where it stays: in the node's folder, or copied into the library."""
    if file.parent == own:
        return file
    target = library / file.name
    if not target.exists():
        shutil.copyfile(file, target)
    return target
