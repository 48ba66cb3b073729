"""The run engine: stages, run directory, manifest, resume."""
