"""What the circuits and their simulation cost, against the obvious alternatives: see README.md."""
