"""The circuit in Verilator: `build` makes a library, `Simulator` runs batches through it."""

from flows.simulate.build import build
from flows.simulate.parallel import run_parallel
from flows.simulate.simulator import SimulationResult, Simulator

__all__ = ["SimulationResult", "Simulator", "build", "run_parallel"]
