"""Executors: what carries out a call."""
