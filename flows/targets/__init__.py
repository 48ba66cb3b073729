"""Things that can be asked for scores: the PyTorch twin, onnxruntime, the simulated circuit."""
