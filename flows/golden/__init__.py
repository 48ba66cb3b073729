"""The integer dataflow as standard ONNX in onnxruntime."""
