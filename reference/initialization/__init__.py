"""Initialization of neural networks."""
