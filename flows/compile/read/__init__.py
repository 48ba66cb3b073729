"""QONNX graph -> integer network: an abstract interpreter, one file a family of nodes."""
