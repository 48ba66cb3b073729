"""The exception that `flows` raises for what a user can mend; the CLI prints it as one line."""

import difflib


class FlowError(RuntimeError):
    """A missing tool, a bad run directory, a failed step; the text says what was expected, what came, what to do."""


def nearest(key: str, known: list[str], prefix: str = "") -> str:
    """The end of an error about an unknown `key`: the known one most like it, or all of them."""
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f"; did you mean {prefix}{near[0]}?" if near else f"; known here: {', '.join(known)}"
