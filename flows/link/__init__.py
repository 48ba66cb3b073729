"""The host's end of a board's link: the driver, and a simulated board to try it on."""
