"""Adapters: everything of mainspring that touches the world."""
