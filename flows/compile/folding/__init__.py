"""How many elements a cycle every unit works on, so that the circuit is as fast or as small as the user asks."""
