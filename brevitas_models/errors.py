"""The one exception that `brevitas_models` raises for input a user can mend."""


class ModelError(ValueError):
    """Bad data, configuration or checkpoint; the text says what was expected, what came, what to do."""
