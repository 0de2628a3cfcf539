"""The derivations as plain, readable torch functions. The truth, nothing else."""
