"""Scales, offsets, batch norms and the monotone functions between a layer and its quantizer: steps of a staircase."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx

from flows.compile.read.activations import close, per_channel
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, QuantizedConstant, Value
from flows.compile.refuse import finite, refuse
from flows.compile.staircase import Clip, LeakyRelu, ThreeWaySign, exact

ABSORBED = "exact step of the next threshold, or scale of the codes"


def operand(reader: Reader, node: onnx.NodeProto) -> tuple[Codes, tuple[Fraction, ...], bool]:
    """The tensor and the constant of a node of two inputs, and whether the constant comes first."""
    first, second = reader.value(node, 0), reader.value(node, 1)
    swapped = not isinstance(first, Codes)
    codes, other = (second, first) if swapped else (first, second)
    if not isinstance(codes, Codes) or isinstance(other, Codes):
        raise refuse(node, "both of its operands depend on the input", "only sums of two tensors have an operator")
    if isinstance(other, QuantizedConstant):
        reals = other.reals()
        per_channel(node, codes, np.zeros(reals.shape), "a constant")
        return codes, tuple(reals.reshape(-1)), swapped
    return codes, per_channel(node, codes, finite(node, other.array, "operand"), "a constant"), swapped


def multiply(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    codes, factors, _ = operand(reader, node)
    return codes.scaled(factors), ABSORBED


def divide(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    codes, divisors, swapped = operand(reader, node)
    if swapped:
        raise refuse(node, "a constant divided by a tensor", "rewrite it as a product or sum")
    if 0 in divisors:
        raise refuse(node, "division by zero", "check the exported scale")
    return codes.scaled(tuple(1 / divisor for divisor in divisors)), ABSORBED


def shift(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`Add` of a constant, and `Sub` either way round."""
    codes, terms, swapped = operand(reader, node)
    one = (Fraction(1),)
    if node.op_type == "Add":
        return codes.scaled(one, terms), ABSORBED
    if swapped:
        return codes.scaled((Fraction(-1),), terms), ABSORBED
    return codes.scaled(one, tuple(-term for term in terms)), ABSORBED


def negative(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    return reader.codes(node).scaled((Fraction(-1),)), ABSORBED


def batch_norm(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`scale * x + bias` with the two float32 numbers that onnxruntime computes (docs/decisions/0012)."""
    codes = reader.codes(node)
    names = ("factor", "offset", "mean", "variance")
    gamma, beta, mean, variance = (reader.constant(node, k + 1, what) for k, what in enumerate(names))
    options = reader.attributes(node)
    if options.get("training_mode", 0):
        raise refuse(node, "batch norm in training mode", "export the network in evaluation mode")
    if codes.layout.axis_of_channels() != 0 or any(a.shape != (codes.channels,) for a in (gamma, beta, mean, variance)):
        raise refuse(node, "batch norm over another axis than the channels", "normalize over the first axis")
    scale, bias = deployed_batch_norm(gamma, beta, mean, variance, float(options.get("epsilon", 1e-5)))
    finite(node, scale, "scale")
    return codes.scaled(tuple(exact(scale)), tuple(exact(bias))), ABSORBED


def deployed_batch_norm(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """float32 scale and bias, rounded operation by operation as onnxruntime's kernel does."""
    with np.errstate(all="ignore"):
        inverse = np.float32(1) / np.sqrt(variance.astype(np.float32) + np.float32(epsilon))
        scale = inverse * gamma.astype(np.float32)
        return scale, beta.astype(np.float32) - mean.astype(np.float32) * scale


def relu(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    return reader.codes(node).stepped(LeakyRelu()), ABSORBED


def leaky_relu(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`LeakyRelu`, and `PRelu` with one slope or one per channel."""
    codes = reader.codes(node)
    if node.op_type == "PRelu":
        slopes = per_channel(node, codes, reader.constant(node, 1, "slope"), "slopes")
    else:
        slopes = tuple(exact(np.float32(reader.attributes(node).get("alpha", 0.01))))
    if min(slopes) < 0:
        raise refuse(node, f"slope {float(min(slopes))}", "an activation must not fall below zero and rise above")
    return codes.stepped(LeakyRelu(slopes)), ABSORBED


def clip(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`Clip`, as which HardTanh and Relu6 are exported."""
    codes, bounds = reader.codes(node), []
    options = reader.attributes(node)
    for index, what in ((1, "min"), (2, "max")):
        given = options.get(what)
        if index < len(node.input) and node.input[index]:
            given = reader.constant(node, index, what).reshape(-1)[0]
        bounds.append(None if given is None or abs(float(given)) > 3e38 else Fraction(float(np.float32(given))))
    if None not in bounds and bounds[0] > bounds[1]:
        raise refuse(node, f"bounds {bounds[0]} above {bounds[1]}", "order them")
    return codes.stepped(Clip(*bounds)), ABSORBED


def hard_sigmoid(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """clip(alpha * x + beta, 0, 1)."""
    options = reader.attributes(node)
    slope, term = (exact(np.float32(options.get(key, default)))[0] for key, default in (("alpha", 0.2), ("beta", 0.5)))
    if slope < 0:
        raise refuse(node, f"slope {float(slope)}", "an activation must not fall")
    codes = reader.codes(node).scaled((slope,), (term,))
    return codes.stepped(Clip(Fraction(0), Fraction(1))), ABSORBED


def sign(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """ONNX `Sign`: -1, 0 and 1, its own quantizer."""
    one = (Fraction(1),)
    return close(reader, node, reader.codes(node), ThreeWaySign(), one, (Fraction(0),))


def identity(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    value = reader.value(node, 0)
    if node.op_type == "Cast" and reader.attributes(node)["to"] not in (1, 10, 11):
        raise refuse(node, "a cast of a tensor to integers", "quantize with Quant instead")
    return value, "nothing to compute"


def softmax(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """At the very end, where it does not change the order of the classes."""
    if node.output[0] != reader.result:
        raise refuse(node, "the circuit has no operator for it", "leave it for the host, behind the logits")
    if not isinstance(reader.value(node, 0), Codes):
        raise refuse(node, "a softmax of constants", "remove it")
    reader.notes.append(f"{node.op_type} behind the logits is left to the host: it keeps the order of the classes")
    return reader.value(node, 0), "left to the host: keeps the order of the classes"
