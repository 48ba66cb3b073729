"""`python -m flows.doctor`: the findings as plain lines, where not even the command line's packages are there."""

from __future__ import annotations

import sys

from flows.doctor.examine import examine
from flows.doctor.finding import lacking

found = examine()
for item in found:
    print(f"{item.state:13} {item.name:32} {item.detail}" + ("" if item.usable else f"   -> {item.get}"))
sys.exit(1 if lacking(found) else 0)
