"""The netlist after synthesis and after routing as Verilog again: the circuit of gates that the rungs simulate."""
