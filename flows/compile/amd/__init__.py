"""FINN's builds for AMD boards: everything short of Vivado here, the rest by a script inside the container."""
