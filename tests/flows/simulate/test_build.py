"""The library's cache, and what is said where a tool is missing or refuses the circuit."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from flows.simulate.toolchain import find_toolchain, run_tool
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.fifo.fifo import Fifo
from hw.ops.matvec.matvec import MatVec

MODULE = import_module("flows.simulate.build")  # the package exports a function of the same name
W, INT4, UINT8 = np.array([[3, -8, 0, 7], [1, 2, -3, 4]]), IntType(4, True), IntType(8, False)


def buffer(depth: int) -> Dataflow:
    return Dataflow("buffer", (Fifo("fifo0", (4,), IntType.parse("UINT8"), 1, depth),))


def stamp(folder):
    """What changes whenever the library is made anew."""
    status = (folder / "library.so").stat()
    return status.st_ino, status.st_mtime_ns


@pytest.fixture
def compilations(monkeypatch):
    """The folders in which a library was compiled."""
    seen, real = [], MODULE._compile
    monkeypatch.setattr(MODULE, "_compile", lambda *args: seen.append(args[-1]) or real(*args))
    return seen


@pytest.mark.sim
def test_compiles_only_what_changed(tmp_path, compilations):
    build(buffer(2), tmp_path)
    build(buffer(2), tmp_path)
    assert len(compilations) == 1
    (tmp_path / "rtl" / "fifo.sv").write_text("broken by hand")
    (tmp_path / "rtl" / "left_over.sv").write_text("module left_over; endmodule")
    build(buffer(2), tmp_path)
    assert len(compilations) == 1
    assert sorted(path.name for path in (tmp_path / "rtl").iterdir()) == ["buffer_stream.sv", "fifo.sv"]
    assert "module fifo" in (tmp_path / "rtl" / "fifo.sv").read_text()
    build(buffer(5), tmp_path)
    assert len(compilations) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library.json", "library.so", "rtl"]


@pytest.mark.sim
def test_a_rebuilt_library_is_the_one_that_runs(tmp_path):
    for depth in (2, 5):
        with Simulator(buffer(depth), build(buffer(depth), tmp_path)) as simulator:
            with pytest.raises(FlowError, match=f"after {depth} of 40 beats in"):
                simulator.run(np.zeros((10, 4), dtype=np.int64), stall_out=1.0, watchdog=50)


@pytest.mark.sim
def test_other_memories_need_no_compilation(tmp_path, compilations):
    """Weights are read when the circuit starts; the wrong ones beside a library are refused."""
    codes = np.arange(12).reshape(3, 4)
    circuits = [Dataflow("net", (MatVec("fc0", (), weights, INT4, UINT8, 1, 1),)) for weights in (W, W[::-1])]
    for dataflow in circuits:
        with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
            np.testing.assert_array_equal(simulator.run(codes).outputs, dataflow.golden(codes))
    assert len(compilations) == 1
    with pytest.raises(FlowError, match="fc0_weights.hex: expected this dataflow's memory, found none or another"):
        Simulator(circuits[0], tmp_path / "library.so")


@pytest.mark.sim
def test_a_damaged_library_is_built_again(tmp_path, compilations):
    library = build(buffer(2), tmp_path)
    library.write_bytes(library.read_bytes()[:1000])
    build(buffer(2), tmp_path)
    assert len(compilations) == 2
    (tmp_path / "library.json").write_text("{")
    build(buffer(2), tmp_path)
    assert len(compilations) == 3


@pytest.mark.sim
def test_equal_circuits_give_equal_libraries(tmp_path):
    one, two = (build(buffer(2), tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_full_disk_is_no_fault_of_the_circuit(tmp_path, monkeypatch):
    tools = find_toolchain()
    refuse = ["sh", "-c", "echo 'error: final link failed: No space left on device' >&2; exit 1"]
    with pytest.raises(FlowError, match="the disk is full, the C.. linker could not write; free some space"):
        run_tool(refuse, tmp_path, tools, "the C++ linker")
    silent = ["sh", "-c", "echo 'collect2: error: ld returned 1 exit status' >&2; exit 1"]
    with pytest.raises(FlowError, match="the C.. linker refused the circuit .exit status 1.: collect2: error"):
        run_tool(silent, tmp_path, tools, "the C++ linker")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: (1, 1, 4096))
    with pytest.raises(FlowError, match="the disk is full"):
        run_tool(silent, tmp_path, tools, "the C++ linker")


@pytest.mark.sim
def test_a_killed_build_leaves_no_library_of_another_circuit(tmp_path, monkeypatch):
    build(buffer(2), tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MODULE, "_compile", killed)
        with pytest.raises(KeyboardInterrupt):
            build(buffer(5), tmp_path)
    assert not (tmp_path / "library.json").exists()
    with Simulator(buffer(2), build(buffer(2), tmp_path)) as simulator:
        codes = np.arange(8).reshape(2, 4)
        np.testing.assert_array_equal(simulator.run(codes).outputs, codes)


@pytest.mark.sim
def test_verilators_complaint_is_quoted(tmp_path, waver):
    dataflow = Dataflow("refused", (waver("waver0", (1,), IntType.parse("UINT1"), 1, 2, mode=1 << 40),))
    with pytest.raises(FlowError, match=r"^Verilator refused the circuit \(exit status 1\): %Warning-WIDTH"):
        build(dataflow, tmp_path)
    assert not (tmp_path / "library.so").exists()


@pytest.mark.sim
def test_illegal_parameters_fail_elaboration(tmp_path):
    dataflow = buffer(2)
    object.__setattr__(dataflow.ops[0], "depth", 1)  # past the descriptor's own check
    with pytest.raises(FlowError, match="fifo: DEPTH must be at least 2"):
        build(dataflow, tmp_path)


def test_a_missing_compiler_is_one_sentence_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FlowError) as caught:
        build(buffer(2), tmp_path / "out")
    assert str(caught.value) == (
        "expected a C++ compiler for the simulation, found none (g++, c++, clang++): run apt-get install g++"
    )
    assert not (tmp_path / "out").exists()


def test_cxx_names_the_compiler(tmp_path, monkeypatch):
    compiler = tmp_path / "my-g++"
    compiler.write_text("#!/bin/sh\necho mine 1.0\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", f"{compiler} -m64")
    tools = find_toolchain()
    assert tools.compiler == (str(compiler), "-m64") and "mine 1.0" in tools.versions
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(FlowError, match=r"found none \(no-such-compiler\): run apt-get install g\+\+"):
        find_toolchain()
