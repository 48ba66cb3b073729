"""Whole networks: exported, proven, fitted to every board, placed and routed."""
