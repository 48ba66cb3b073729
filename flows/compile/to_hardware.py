"""Step: finn's hardware layers (padding, sliding window, matrix unit, thresholding, pool), unspecialized."""

from __future__ import annotations

from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.fm_padding import InferFMPadding
from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
    InferQuantizedMatrixVectorActivation,
)
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes


def to_hardware(model: ModelWrapper) -> ModelWrapper:
    """Thresholding before matrix units, so that thresholds stay layers of their own."""
    steps = [
        InferPool(),
        InferFMPadding(),
        InferConvInpGen(),
        InferThresholdingLayer(),
        InferQuantizedMatrixVectorActivation(),
        AbsorbConsecutiveTransposes(),
        GiveUniqueNodeNames(),
        InferShapes(),
        InferDataTypes(),
    ]
    for step in steps:
        model = model.transform(step)
    return model
