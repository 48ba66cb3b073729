"""Matrix times vector, the FINN MVAU."""
