"""Studies: many runs from one committed file, and the table of what they showed."""
