"""Maps that commute with a symmetry, and how to measure that."""
