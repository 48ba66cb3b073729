"""Numbers as a reader wants them; also the filters of the templates."""

from __future__ import annotations


def percent(share: float) -> str:
    """0.4 -> `40.0 %`. Only exact 0 and 1 read as 0 and 100: 0.9999 is `99.99 %`."""
    for digits in (1, 2, 3, 4):
        text = f"{share * 100:.{digits}f}"
        if share in (0, 1) or float(text) not in (0.0, 100.0):
            break
    return f"{text} %"


def thousands(value: float) -> str:
    """4000 -> `4,000`; fractions keep at most one digit."""
    text = f"{value:,.1f}" if isinstance(value, float) and not float(value).is_integer() else f"{value:,.0f}"
    return text


def plain(value: float) -> str:
    """A number without trailing zeros: 25.0 -> `25`, 71.2 -> `71.2`."""
    return f"{value:g}"


def seconds(value: float) -> str:
    """0.3 -> `0.3 s`, 140 -> `2 min 20 s`."""
    if value < 60:
        return f"{value:.3g} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def count(number: int, one: str, many: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number:,} {one if number == 1 else many}"


def listing(names: list[str] | tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
