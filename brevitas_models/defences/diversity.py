"""How much the members of an ensemble tell about each other: the information-theoretic side of SQ (arXiv 2312.00105).

The paper leaves its estimator open. For softmax outputs no binning and no neural estimator is needed: given the
picture, two members answer independently, so the joint distribution of their answers is the mean over pictures of the
outer product of their softmax outputs (Ji et al. 2019, arXiv 1807.06653, eq. 2), and its mutual information is a
differentiable sum over C x C cells. The plug-in estimate of n pictures is consistent; it is too large by at most about
(C - 1)**2 / (2 n) nats (the Miller-Madow bias of one-hot answers, less for soft ones).

Members that are right agree, so I(A; B) itself would set diversity against accuracy. The penalty is I(A; B | Y): zero
where the members' errors are independent given the true class, however accurate they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

TINY = 1e-12  # probabilities below it count as it in logarithms


def _information(joint: Tensor) -> Tensor:
    """Mutual information in nats of joint distributions (..., C, D): (...)."""
    product = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    return (joint * (joint.clamp_min(TINY).log() - product.clamp_min(TINY).log())).sum((-2, -1))


def mutual_information(a: Tensor, b: Tensor) -> Tensor:
    """I(A; B) in nats, a differentiable scalar, of answers with probabilities (N, C) and (N, D), one row a picture."""
    return _information(a.T @ b / len(a))


def conditional_mutual_information(a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    """I(A; B | Y) in nats, Y the classes int64 (N,): the mean over classes of their own I(A; B), by their frequency."""
    seen = torch.unique(labels)
    of_class = (labels == seen[:, None]).to(a.dtype)  # (classes, N)
    counts = of_class.sum(1)
    joint = torch.einsum("kn,ni,nj->kij", of_class, a, b) / counts[:, None, None]
    return (counts / len(a) * _information(joint)).sum()


def over_pairs(members: Sequence[Tensor], labels: Tensor | None = None) -> Tensor:
    """Mean over all pairs of members, each (N, C) probabilities, of I(A; B), or of I(A; B | Y) where labels are
    given."""
    pairs = list(combinations(members, 2))
    if labels is None:
        return torch.stack([mutual_information(a, b) for a, b in pairs]).mean()
    return torch.stack([conditional_mutual_information(a, b, labels) for a, b in pairs]).mean()


def penalty(answers: Sequence[Tensor], labels: Tensor) -> Tensor:
    """The same, conditional, of members' logits (N, C): what training adds to the loss."""
    return over_pairs([nn.functional.softmax(logits, dim=1) for logits in answers], labels)


def disagreement(members: Sequence[Tensor]) -> Tensor:
    """Per picture, (N,) nats: the information that an answer gives about which member gave it (Jensen-Shannon).

    `members`: probabilities (N, C) of each. 0 where all say the same, at most log(members).
    """

    def entropy(p: Tensor) -> Tensor:
        return -(p * p.clamp_min(TINY).log()).sum(-1)

    stacked = torch.stack(list(members))
    return (entropy(stacked.mean(0)) - entropy(stacked).mean(0)).clamp_min(0)
