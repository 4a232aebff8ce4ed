"""The client, blocking (by tests/house/colours.py)."""

from mainspring.client.synchronous.client import Client

__all__ = ["Client"]
