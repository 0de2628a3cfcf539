"""The pytest door (being written)."""
