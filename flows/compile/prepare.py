"""Step: a QONNX file into finn's dialect, with the integer type of its input declared."""

from __future__ import annotations

from pathlib import Path

from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from flows.compile.affine_past_pool import MoveAffinePastMaxPool
from flows.compile.full_rank import GiveConstantsFullRank
from flows.compile.positive_factors import MakeFactorsPositive
from hw.inttype import IntType


def prepare(path: Path, input_type: IntType) -> ModelWrapper:
    """Weights folded to integers, activation quantizers become `MultiThreshold`."""
    model = ModelWrapper(str(path))
    model.set_tensor_datatype(model.graph.input[0].name, DataType[input_type.name])
    model = cleanup_model(model)
    for step in (ConvertQONNXtoFINN(), GiveConstantsFullRank(), MakeFactorsPositive(), MoveAffinePastMaxPool()):
        model = model.transform(step)
    return model
