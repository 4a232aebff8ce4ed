"""Chaos: real processes under load, killed and restarted."""
