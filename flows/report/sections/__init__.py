"""The page's sections, one file each: `view(run)` checks the stage's JSON and gives what the template shows."""
