"""Whether pictures are adversarial, by how much members and draws disagree about them."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from brevitas_models.defences.diversity import disagreement


def suspicion(logits: Tensor) -> np.ndarray:
    """Of logits (draws, members, N, classes), per picture (N,), nats: the information that an answer has about which
    member in which draw gave it; 0 where all say the same."""
    return disagreement(torch.softmax(logits.double(), dim=-1).flatten(0, 1)).numpy()


def separation(clean: np.ndarray, attacked: np.ndarray) -> float | None:
    """AUROC, 0..1: the chance that an attacked picture is more suspicious than a clean one; 0.5 is no detection, below
    it attacked ones look calmer. None where there are no attacked ones."""
    if not len(attacked):
        return None
    label = np.r_[np.zeros(len(clean)), np.ones(len(attacked))]
    return float(roc_auc_score(label, np.r_[clean, attacked]))
