"""The hardware half of Holdfast: integer dataflow, operators, stitcher, boards. Needs numpy and onnx only."""
