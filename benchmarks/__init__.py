"""Speed, size and strength against the obvious alternatives; each command prints JSON measured in one run."""
