"""Bugs that are planted on purpose, one at a time, to see whether the simulation finds them."""
