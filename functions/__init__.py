"""Lambda entry points, thin: event in, one call into the core, answer out."""
