"""The exactness ladder: every rung against the golden integers, and where the first difference is."""
