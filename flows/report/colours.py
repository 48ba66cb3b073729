"""One colour per operator, the same in bars, legend and floor plan."""

from __future__ import annotations

import colorsys

_GOLDEN = 0.6180339887498949
REST = (140, 140, 140)
#: Of medium lightness, so that each stands out from white and from near-black; neighbours differ most.
_TABLE = (
    *((59, 130, 214), (224, 138, 30), (47, 163, 107), (194, 73, 143), (184, 161, 31), (138, 107, 209)),
    *((31, 163, 181), (217, 83, 79), (122, 154, 46), (165, 106, 67), (95, 127, 168), (232, 121, 186)),
)


def operator_rgb(index: int) -> tuple[int, int, int]:
    """RGB, 0..255, of operator `index`; -1 is what belongs to no operator."""
    if index < 0:
        return REST
    if index < len(_TABLE):
        return _TABLE[index]
    red, green, blue = colorsys.hls_to_rgb(index * _GOLDEN % 1, 0.5 + 0.07 * (index % 3 - 1), 0.55)
    return round(red * 255), round(green * 255), round(blue * 255)


def css(rgb: tuple[int, int, int]) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)
