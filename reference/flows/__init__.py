"""Densities from invertible maps of simple ones."""
