"""What a trained network does to noise, layer by layer. Nothing here trains."""
