"""Sliding windows of an image."""
