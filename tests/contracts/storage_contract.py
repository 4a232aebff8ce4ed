"""The suite under its old name, for what still asks for it so."""

from mainspring.testing.conformance import StorageConformance as StorageContract

__all__ = ["StorageContract"]
