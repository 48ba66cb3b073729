"""Attacks x budgets x targets x images, in units of work that many processes or machines share."""
