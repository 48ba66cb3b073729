"""QONNX -> finn's hardware graph -> `hw.Dataflow`. The only room that imports finn; one file a step."""
