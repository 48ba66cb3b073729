"""Whether a robustness figure can be believed: named checks, the rules of the verdict, `holdfast audit`."""
