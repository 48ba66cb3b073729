"""What of the tools, boards and accelerators is there, what each enables, how to get it. Standard library only."""
