"""The accelerator on an AMD board: this folder but for `package.py` runs there, with numpy and pynq only."""
