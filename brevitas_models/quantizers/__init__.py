"""Quantizers: fixed and dynamic quantized activation (DQA), uniform ones, the 8-bit input grid, backward passes."""
