"""Defences that act while training: the Lipschitz regularizer of DQ, and adversarial training."""
