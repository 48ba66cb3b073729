"""From the JSON records of a run: `summary.json` and one self-contained page, `report.html`."""
