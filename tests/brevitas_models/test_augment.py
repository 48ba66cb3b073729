from __future__ import annotations

import torch

from brevitas_models.augment import shift


def test_pictures_move_whole_and_zeros_come_in() -> None:
    picture = torch.arange(1, 17).float().reshape(1, 1, 4, 4)
    batch = picture.repeat(300, 2, 1, 1)
    moved = shift(batch, 1, torch.Generator().manual_seed(0))
    assert moved.shape == batch.shape
    padded = torch.nn.functional.pad(picture[0, 0], (1, 1, 1, 1))
    possible = {tuple(padded[i : i + 4, j : j + 4].flatten().tolist()) for i in range(3) for j in range(3)}
    assert {tuple(image.flatten().tolist()) for image in moved[:, 0]} == possible
    assert torch.equal(moved[:, 0], moved[:, 1])


def test_no_shift_is_the_identity() -> None:
    batch = torch.rand(3, 1, 4, 4)
    assert shift(batch, 0, torch.Generator()) is batch
