"""The conformance kit: show that a storage keeps the contract of ``mainspring.core.ports``. Needs pytest."""

from mainspring.testing.conformance.suite import StorageConformance

__all__ = ["StorageConformance"]
