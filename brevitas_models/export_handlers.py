"""Brevitas' QONNX export, taught DQA and SQ: `MultiThreshold`, then scalar `Add` and `Mul`.

QONNX has no node that rounds at random. A stochastic quantizer is the `MultiThreshold` that rounds to nearest, so that
any tool computes the network without its noise, and has the noise in attributes of its own: `noise_spread` (integers,
one per channel), `noise_gain` (floats, one per channel: what one integer is worth in the node's input), `noise_bits`,
`noise_seed`.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from brevitas_models.quantizers.dqa import DQAProxy
from brevitas_models.quantizers.staircase import count
from brevitas_models.quantizers.stochastic import DRAW_BITS, Noise

with warnings.catch_warnings():
    # Importing Brevitas' exporters tells of a module of its own that will go, and of an optional kernel.
    warnings.simplefilter("ignore")
    from brevitas.export.onnx.function import DynamoFn
    from brevitas.export.onnx.handler import ONNXBaseHandler
    from brevitas.export.onnx.qonnx.function import DOMAIN_STRING, DOMAIN_VERSION, BrevitasQuantOp
    from brevitas.export.onnx.qonnx.handler import BrevitasActQuantProxyHandler
    from brevitas.export.onnx.qonnx.manager import QONNXDynamoManager
    from brevitas.proxy import ActQuantProxyFromInjector


class _EagerMultiThreshold(torch.autograd.Function):
    """What the node computes, for the passes that Brevitas makes before tracing."""

    @staticmethod
    def forward(ctx, x: Tensor, thresholds: Tensor, bits: int, noise: dict[str, object]) -> Tensor:
        return count(x, thresholds[0])


class _MultiThresholdNode(DynamoFn):
    @staticmethod
    def symbolic(x: Tensor, thresholds: Tensor, bits: int, noise: dict[str, object]) -> Tensor:
        return torch.onnx.ops.symbolic(
            f"{DOMAIN_STRING}::MultiThreshold",
            (x, thresholds),
            {"out_dtype": f"UINT{bits}"} | noise,
            dtype=x.dtype,
            shape=x.shape,
            version=DOMAIN_VERSION,
        )


class _MultiThreshold:
    """The pair that `ONNXBaseHandler.export_op` chooses from."""

    torchscript = _EagerMultiThreshold
    dynamo = _MultiThresholdNode


class DQAHandler(ONNXBaseHandler):
    """Exports a DQA, SQ or the input's levels (whose lowest is 0: no `Add`); thresholds have shape (1, n), one row for
    all channels."""

    handled_layer = DQAProxy

    def prepare_for_export(self, module: DQAProxy) -> None:
        dqa = module.dqa
        self.bits, self.levels = dqa.bits, dqa.levels
        self.thresholds = dqa.thresholds.detach().reshape(1, -1).clone()
        self.noise = _attributes(getattr(dqa, "noise", None))

    def symbolic_execution(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        counts = self.export_op(_MultiThreshold, x, self.thresholds, self.bits, self.noise)
        centred = counts if self.levels.lowest == 0 else counts + -self.levels.top / 2
        y = centred * self.levels.step
        return y, torch.tensor(self.levels.step), torch.tensor(0.0), torch.tensor(float(self.bits))


def _attributes(noise: Noise | None) -> dict[str, object]:
    if noise is None:
        return {}
    spread, gain = noise.spread.tolist(), noise.gain.tolist()
    return {"noise_spread": spread, "noise_gain": gain, "noise_bits": DRAW_BITS, "noise_seed": noise.seed}


class ActivationHandler(BrevitasActQuantProxyHandler):
    """Brevitas' own, except that one unsigned bit (0 or 1) stays a `Quant`: it is not bipolar."""

    handled_layer = ActQuantProxyFromInjector

    def prepare_for_export(self, module: ActQuantProxyFromInjector) -> None:
        super().prepare_for_export(module)
        if not module.is_signed:
            self.quant_op = BrevitasQuantOp


class ExportManager(QONNXDynamoManager):
    """QONNX through torch's dynamo exporter."""

    handlers = [DQAHandler, ActivationHandler, *QONNXDynamoManager.handlers]
