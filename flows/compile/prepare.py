"""Step: a QONNX file into finn's dialect, with the integer type of its input declared."""

from __future__ import annotations

from pathlib import Path

import onnx
from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from flows.compile.affine_past_pool import MoveAffinePastMaxPool
from flows.compile.full_rank import GiveConstantsFullRank
from flows.compile.global_averages import WriteGlobalAverages
from flows.compile.positive_factors import MakeFactorsPositive
from hw.inttype import IntType


def load_model(path: Path) -> ModelWrapper:
    """A QONNX file without its annotations: qonnx evaluates their text as Python, and the file may be anybody's."""
    proto = onnx.load(path)
    del proto.graph.quantization_annotation[:]
    return ModelWrapper(proto)


def prepare(path: Path, input_type: IntType) -> ModelWrapper:
    """Weights folded to integers, activation quantizers become `MultiThreshold`."""
    model = load_model(path)
    model.set_tensor_datatype(model.graph.input[0].name, DataType[input_type.name])
    model = cleanup_model(model)
    steps = [
        ConvertQONNXtoFINN(),
        GiveConstantsFullRank(),
        MakeFactorsPositive(),
        MoveAffinePastMaxPool(),
        WriteGlobalAverages(),
    ]
    for step in steps:
        model = model.transform(step)
    return model
