"""Proof that the grader grades: right answers pass, known mistakes are named, mechanical mutants are killed."""
