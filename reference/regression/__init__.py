"""Regression: what noisy measurements say about the parameters of a linear model."""
