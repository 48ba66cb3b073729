"""Counting thresholds: every activation."""
