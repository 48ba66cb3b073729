"""The exception that `flows` raises for what a user can mend; the CLI prints it as one line."""


class FlowError(RuntimeError):
    """A missing tool, a bad run directory, a failed step; the text says what was expected, what came, what to do."""
