"""Attacks, one per file: `attack(target, x, y, epsilon) -> AdversarialBatch`."""
