"""Networks: one file each, all made of the same layer, built from configuration by `build`."""

from brevitas_models.networks.build import build

__all__ = ["build"]
