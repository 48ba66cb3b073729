"""Step: finn's hardware layers (padding, sliding window, matrix and vector unit, thresholding, pool, sum, fork),
unspecialized."""

from __future__ import annotations

from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
from finn.transformation.fpgadataflow.convert_to_hw.duplicate_streams import InferDuplicateStreamsLayer
from finn.transformation.fpgadataflow.convert_to_hw.fm_padding import InferFMPadding
from finn.transformation.fpgadataflow.convert_to_hw.global_acc_pool import InferGlobalAccPoolLayer
from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
    InferQuantizedMatrixVectorActivation,
)
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.fpgadataflow.convert_to_hw.vector_vector_activation import InferVectorVectorActivation
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes, AbsorbTransposeIntoFlatten
from finn.transformation.streamline.collapse_repeated import CollapseRepeatedMul
from finn.transformation.streamline.reorder import MoveScalarLinearPastInvariants, MoveScalarMulPastMatMul
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes


def to_hardware(model: ModelWrapper) -> ModelWrapper:
    """Thresholding before matrix units, so that thresholds stay layers of their own."""
    # here, because finn's operators import torch, which what comes behind export can do without
    from finn.transformation.fpgadataflow.convert_to_hw import elementwise_binary_operation

    steps = [
        InferPool(),
        InferFMPadding(),
        InferConvInpGen(),
        InferGlobalAccPoolLayer(),
        *BEHIND_A_GLOBAL_POOL,
        InferThresholdingLayer(),
        InferVectorVectorActivation(),
        InferQuantizedMatrixVectorActivation(),
        elementwise_binary_operation.InferElementwiseBinaryOperation(_of_integers),
        InferDuplicateStreamsLayer(),
        AbsorbConsecutiveTransposes(),
        GiveUniqueNodeNames(),
        InferShapes(),
        InferDataTypes(),
    ]
    for step in steps:
        model = model.transform(step)
    return model


BEHIND_A_GLOBAL_POOL = (
    AbsorbConsecutiveTransposes(),
    MoveScalarLinearPastInvariants(),
    AbsorbTransposeIntoFlatten(),
    MoveScalarMulPastMatMul(),
    CollapseRepeatedMul(),
)
"""The division by the number of pixels goes to the end, with the other scales."""


def _of_integers(model: ModelWrapper, node: NodeProto) -> bool:
    """Whether a sum or product takes integers; one of the logits' scale is the host's."""
    if node.op_type not in ("Add", "Mul"):
        return False
    return all(model.get_tensor_datatype(tensor).is_integer() for tensor in node.input)
