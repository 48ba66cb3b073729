"""Reads a pickle that holds nothing but plain values and one kind of array, and runs none of its code.

CIFAR-10's python version is a pickle. The standard reader would run whatever a hostile file names; this one knows the
three functions that rebuild a numpy array and refuses every other name.
"""

from __future__ import annotations

import io
import pickle

import numpy as np
from numpy._core import multiarray

from brevitas_models.errors import ModelError


def _dtype(name: object, *flags: object) -> np.dtype:
    if name not in (b"u1", "u1"):
        raise pickle.UnpicklingError(f"an array of {name!r}")
    return np.dtype(np.uint8)


def _bytes(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes in an unknown form")
    return text.encode("latin1")


_ARRAY = {
    (module, name): function
    for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    for name, function in (("_reconstruct", multiarray._reconstruct), ("ndarray", np.ndarray), ("dtype", _dtype))
}
_KNOWN = {**_ARRAY, ("_codecs", "encode"): _bytes}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        """Only what rebuilds an array of uint8; raises UnpicklingError for any other name."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]


def load(content: bytes, where: str) -> object:
    """Dictionaries, lists, numbers, byte strings and uint8 arrays. Raises ModelError for anything else."""
    try:
        return _Reader(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to lead to
        raise ModelError(f"{where}: expected plain values and uint8 arrays, got {error}; fetch it again") from error
