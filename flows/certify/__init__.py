"""Proofs about the shipped integers: how far an input may change before the class can."""
