"""From configuration to pictures."""

from __future__ import annotations

from dataclasses import replace

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import cifar10, digits, mnist, speech, svhn
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError

READERS = {
    Dataset.DIGITS: digits.load,
    Dataset.MNIST: mnist.load,
    Dataset.CIFAR10: cifar10.load,
    Dataset.SVHN: svhn.load,
    Dataset.SPEECH: speech.load,
}


def load(config: DataConfig) -> Split:
    """Reads the data set and keeps its first `train_images` and `test_images` (0: all).

    Raises ModelError for missing or damaged files, or where more pictures are asked for than there are.
    """
    split = READERS[config.dataset](config.directory)
    kept = []
    for name, wanted, there in (
        ("train_images", config.train_images, len(split.train_x)),
        ("test_images", config.test_images, len(split.test_x)),
    ):
        if wanted > there:
            raise ModelError(f"data.{name}: expected at most {there} for {split.name}, got {wanted}")
        kept.append(wanted or there)
    train, test = kept
    return replace(
        split,
        train_x=split.train_x[:train],
        train_y=split.train_y[:train],
        test_x=split.test_x[:test],
        test_y=split.test_y[:test],
    )
