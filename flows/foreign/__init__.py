"""A QONNX file that somebody brings: what of it maps, its circuit, and the proof that the circuit computes it."""
