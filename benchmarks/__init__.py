"""Speed and strength against other implementations; each command prints JSON with ratios measured in one run."""
