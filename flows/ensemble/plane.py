"""The adversarial information plane (arXiv 2312.00105): what members tell about each other, against their accuracy,
budget by budget. A sound ensemble moves down the plane under attack only a little; one whose members fall together
keeps its mutual information while its accuracy goes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from brevitas_models.defences.diversity import over_pairs
from flows.ensemble.members import shares_right


def point(epsilon: float, logits: Tensor, y: np.ndarray) -> dict[str, object]:
    """One point of the plane from `member_logits` (draws, members, N, classes) of pictures of classes `y`.

    `epsilon`; `accuracy` and `members`: shares of right answers of the sum and of each member; `mutual_information`:
    mean over pairs of I(A; B) in nats; `given_class`: of I(A; B | Y); `pairs`: I(A; B) of each pair; `bias`: by how
    much the first may be too large, (C - 1)**2 / (2 N), its value for independent one-hot answers.
    """
    probabilities = torch.softmax(logits.double(), dim=-1).mean(dim=0)  # the answer of a member, over its noise
    labels, right = torch.from_numpy(y.astype(np.int64)), shares_right(logits, y)
    members = list(probabilities)
    classes = logits.shape[-1]
    return {
        "epsilon": epsilon,
        "accuracy": right["sum"],
        "members": right["members"],
        "mutual_information": over_pairs(members).item(),
        "given_class": over_pairs(members, labels).item(),
        "pairs": [over_pairs(list(pair)).item() for pair in combinations(members, 2)],
        "bias": (classes - 1) ** 2 / (2 * len(y)),
    }
