"""One reader per data set; `load(DataConfig) -> Split`."""

from brevitas_models.data.load import load
from brevitas_models.data.split import Split

__all__ = ["Split", "load"]
