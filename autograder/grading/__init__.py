"""From submissions to verdicts: intake, running, credit, diagnosis, store."""
