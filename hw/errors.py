"""The one exception that `hw` raises for input a user can mend."""


class HardwareError(ValueError):
    """An illegal operator, stream, dataflow or board; the text says what was expected, what came, what to do."""
