"""What a network, its quantizers, its defences and its training are made of. Imports neither torch nor brevitas."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from brevitas_models.errors import ModelError


class Dataset(StrEnum):
    DIGITS = "digits"
    MNIST = "mnist"
    CIFAR10 = "cifar10"
    SVHN = "svhn"
    SPEECH = "speech"


class Architecture(StrEnum):
    MLP = "mlp"
    LENET5 = "lenet5"
    RESNET8 = "resnet8"
    DSCNN = "dscnn"


class Activation(StrEnum):
    """Activation quantizers. `relu` is the ordinary uniform one; `float` leaves weights and activations alone; `sq`
    rounds at random."""

    FLOAT = "float"
    RELU = "relu"
    DQA_FIXED = "dqa_fixed"
    DQA_DYNAMIC = "dqa_dynamic"
    SQ = "sq"


class Scale(StrEnum):
    POWER_OF_TWO = "power_of_two"
    FLOAT = "float"


class Answer(StrEnum):
    """What an ensemble says: the sum of its members' scores, or those of one member drawn for every picture."""

    SUM = "sum"
    RANDOM = "random"


MAX_MEMBERS = 8
GRID_BITS = 8  # of a pixel


def _bits(name: str, bits: int | tuple[int, ...]) -> None:
    for value in bits if isinstance(bits, tuple) else (bits,):
        if not 1 <= value <= 8:
            raise ModelError(f"{name}: expected 1 to 8 bits, got {value}; choose a width the circuit supports")


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ModelError(f"{name}: expected a value from {low} to {high}, got {value}")


@dataclass(frozen=True, slots=True)
class DataConfig:
    """`dataset`; `directory`: where the original files lie (unused for digits); `train_images`, `test_images`:
    how many of each split to use, in the split's order, 0 for all."""

    dataset: Dataset = Dataset.DIGITS
    directory: str = ""
    train_images: int = 0
    test_images: int = 0

    def __post_init__(self) -> None:
        _between("data.train_images", self.train_images, 0, 10**9)
        _between("data.test_images", self.test_images, 0, 10**9)


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """`architecture`; `channels`: of the convolutions (lenet5), of the residual blocks (resnet8), of the first
    convolution and the separable ones (dscnn). For lenet5 alone: `kernel`: square size of its convolutions;
    `padding`: of the first one's input; `pools`: size of the max-pool after each convolution, 1 for none. For lenet5
    and mlp: `hidden`: widths of the hidden fully connected layers. The class count comes from the data set."""

    architecture: Architecture = Architecture.LENET5
    channels: tuple[int, ...] = (6, 16)
    kernel: int = 5
    padding: int = 2
    pools: tuple[int, ...] = (2, 2)
    hidden: tuple[int, ...] = (120, 84)

    def __post_init__(self) -> None:
        if self.architecture is Architecture.LENET5 and not (self.channels and len(self.channels) == len(self.pools)):
            raise ModelError(
                f"network: expected one pool per convolution, got channels={self.channels} pools={self.pools}"
            )
        if not self.hidden and self.architecture in (Architecture.LENET5, Architecture.MLP):
            raise ModelError("network.hidden: expected at least one hidden layer, got none")
        if not self.channels and self.architecture is not Architecture.MLP:
            raise ModelError("network.channels: expected at least one width, got none")
        for width in (*self.channels, *self.hidden, *self.pools, self.kernel):
            _between("network sizes", width, 1, 65536)
        _between("network.padding", self.padding, 0, self.kernel - 1)


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """`weight_bits`, `activation_bits`: one number for all layers or one per layer (weights: every conv and linear
    in order; activations: every hidden layer in order), 1 to 8; 1 weight bit means bipolar. `activation`: the
    quantizer; `scale`: of weights and of uniform activations. `members`: bits of weights and activations of each
    member of an ensemble (then the two above are those of its undefended twin), none for a single network. `answer`:
    what the ensemble says. `input_bits`: what a pixel is rounded to before the first layer, GRID_BITS for the sensor's
    own grid."""

    activation: Activation = Activation.DQA_DYNAMIC
    weight_bits: int | tuple[int, ...] = 4
    activation_bits: int | tuple[int, ...] = 2
    scale: Scale = Scale.POWER_OF_TWO
    members: tuple[int, ...] = ()
    answer: Answer = Answer.SUM
    input_bits: int = GRID_BITS

    def __post_init__(self) -> None:
        _bits("quant.input_bits", self.input_bits)
        _bits("quant.weight_bits", self.weight_bits)
        _bits("quant.activation_bits", self.activation_bits)
        _bits("quant.members", self.members)
        if len(self.members) == 1 or len(self.members) > MAX_MEMBERS:
            raise ModelError(f"quant.members: expected none or 2 to {MAX_MEMBERS} members, got {len(self.members)}")


class Objective(StrEnum):
    """What adversarial examples are for. `pgd`: learn their class (Madry et al. 2018). `trades`: predict the same for
    a picture and its neighbour (Zhang et al. 2019)."""

    PGD = "pgd"
    TRADES = "trades"


@dataclass(frozen=True, slots=True)
class DefenceConfig:
    """`lipschitz_beta`: weight of the DQ regularizer, 0 for none. `adversarial`: train on PGD examples (L-infinity,
    on the 8-bit grid) of budget `epsilon` (pixel units, 0..1), `steps` steps of size `step_size`, from a random
    start, for this share of every batch (0..1, 0 for none). `objective`: what those examples are for; `trades_beta`:
    weight of the divergence that TRADES adds. `jacobian`: weight of the Jacobian regularizer on the logits,
    `jacobian_layers`: on every hidden block, `projections`: random directions of its estimate. `interval`: share of
    the loss that falls on interval bounds of budget `epsilon` (0..1, 0 for none), reached, like that budget, in equal
    steps over the first half of the epochs. `diversity`: weight of the mutual information between the members of an
    ensemble, given the class."""

    lipschitz_beta: float = 0.0
    adversarial: float = 0.0
    epsilon: float = 0.1
    steps: int = 7
    step_size: float = 0.025
    objective: Objective = Objective.PGD
    trades_beta: float = 6.0
    jacobian: float = 0.0
    jacobian_layers: float = 0.0
    projections: int = 1
    interval: float = 0.0
    diversity: float = 0.0

    def __post_init__(self) -> None:
        _between("defence.trades_beta", self.trades_beta, 0, 1000)
        _between("defence.jacobian", self.jacobian, 0, 1000)
        _between("defence.jacobian_layers", self.jacobian_layers, 0, 1000)
        _between("defence.projections", self.projections, 1, 1000)
        _between("defence.interval", self.interval, 0, 1)
        _between("defence.diversity", self.diversity, 0, 1000)
        _between("defence.lipschitz_beta", self.lipschitz_beta, 0, 1)
        _between("defence.adversarial", self.adversarial, 0, 1)
        _between("defence.epsilon", self.epsilon, 0, 1)
        _between("defence.steps", self.steps, 1, 1000)
        _between("defence.step_size", self.step_size, 0, 1)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """`epochs`; `batch`; `learning_rate` of Adam with cosine decay; `weight_decay`; `augment`: random shifts by at
    most this many pixels."""

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    augment: int = 0

    def __post_init__(self) -> None:
        _between("train.epochs", self.epochs, 1, 100_000)
        _between("train.batch", self.batch, 1, 1_000_000)
        _between("train.learning_rate", self.learning_rate, 1e-9, 10)
        _between("train.weight_decay", self.weight_decay, 0, 1)
        _between("train.augment", self.augment, 0, 16)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides a trained network."""

    data: DataConfig
    network: NetworkConfig
    quant: QuantConfig
    defence: DefenceConfig
    train: TrainConfig
    seed: int = 0

    def __post_init__(self) -> None:
        defence, quant = self.defence, self.quant
        jacobian = defence.jacobian > 0 or defence.jacobian_layers > 0
        if quant.members and (jacobian or defence.interval > 0):
            raise ModelError("defence: expected an ensemble without jacobian, jacobian_layers and interval")
        if quant.activation is Activation.SQ and defence.interval > 0:
            raise ModelError(
                "defence.interval: expected 0 with quant.activation = sq, which has no fixed steps to bound"
            )
        if defence.diversity > 0 and not quant.members:
            raise ModelError("defence.diversity: expected an ensemble, got one network; name its bits in quant.members")
        chain = self.network.architecture in (Architecture.MLP, Architecture.LENET5)
        if quant.activation is Activation.SQ and not chain:
            raise ModelError(f"quant.activation: sq has lenet5 and mlp, got {self.network.architecture}")
