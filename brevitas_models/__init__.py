"""Datasets, robust quantized networks, defences, training and QONNX export. Knows nothing of circuits."""
