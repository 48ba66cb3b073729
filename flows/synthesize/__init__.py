"""Dataflow to bitstream with open tools: Yosys, nextpnr, Project Trellis, all from Python wheels."""
