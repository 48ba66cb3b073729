"""Everything that moves a model along: configuration, stages, attacks, compilation, simulation, report, CLI."""
