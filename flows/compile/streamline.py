"""Step: finn's streamlining; only integers are left between the layers, convolutions become matrix products."""

from __future__ import annotations

from finn.transformation.streamline import Streamline
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes, AbsorbTransposeIntoMultiThreshold
from finn.transformation.streamline.reorder import (
    MakeMaxPoolNHWC,
    MoveLinearPastFork,
    MoveTransposePastFork,
    MoveTransposePastJoinAdd,
    MoveTransposePastScalarMul,
)
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

from flows.compile.affine_past_join import MoveAffinePastJoin
from flows.compile.borders import FoldBordersIntoConvolutions, MoveAffinePastPad
from flows.compile.flatten_order import AbsorbTransposeIntoWeights
from flows.compile.one_channel import ForgetDepthwise
from flows.compile.pixels_last import ThresholdPixelsChannelsLast

AFFINE = (MoveAffinePastPad(), Streamline())
AFFINE_OF_BRANCHES = (MoveLinearPastFork(), MoveAffinePastJoin(), *AFFINE)
TRANSPOSES_OF_BRANCHES = (
    InferDataLayouts(),
    MoveTransposePastFork(),
    AbsorbConsecutiveTransposes(),
    MoveTransposePastScalarMul(),
    MoveTransposePastJoinAdd(),
    AbsorbTransposeIntoMultiThreshold(),
)


def streamline(model: ModelWrapper) -> ModelWrapper:
    """NHWC from the first layer on, one scale (and bias) behind the last."""
    forks = sum(model.is_fork_node(node) for node in model.graph.node)
    rounds = forks + 1 if forks else 0  # a branch may begin where others meet
    steps = [
        *AFFINE,
        *AFFINE_OF_BRANCHES * rounds,
        FoldBordersIntoConvolutions(),
        LowerConvsToMatMul(),
        ThresholdPixelsChannelsLast(),
        ForgetDepthwise(),
        MakeMaxPoolNHWC(),
        AbsorbTransposeIntoMultiThreshold(),
        MakeMaxPoolNHWC(),
        *TRANSPOSES_OF_BRANCHES * rounds,
        Streamline(),
        AbsorbConsecutiveTransposes(),
        AbsorbTransposeIntoWeights(),
        InferDataTypes(),
        RoundAndClipThresholds(),
    ]
    for step in steps:
        model = model.transform(step)
    return model
