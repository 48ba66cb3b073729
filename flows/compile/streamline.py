"""Step: finn's streamlining; only integers are left between the layers, convolutions become matrix products."""

from __future__ import annotations

from finn.transformation.streamline import Streamline
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes, AbsorbTransposeIntoMultiThreshold
from finn.transformation.streamline.reorder import MakeMaxPoolNHWC
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

from flows.compile.flatten_order import AbsorbTransposeIntoWeights
from flows.compile.one_channel import ForgetDepthwise


def streamline(model: ModelWrapper) -> ModelWrapper:
    """NHWC from the first layer on, one scale (and bias) behind the last."""
    steps = [
        Streamline(),
        LowerConvsToMatMul(),
        ForgetDepthwise(),
        MakeMaxPoolNHWC(),
        AbsorbTransposeIntoMultiThreshold(),
        MakeMaxPoolNHWC(),
        Streamline(),
        AbsorbConsecutiveTransposes(),
        AbsorbTransposeIntoWeights(),
        InferDataTypes(),
        RoundAndClipThresholds(),
    ]
    for step in steps:
        model = model.transform(step)
    return model
