"""The conformance kit: show that a storage keeps the contract of ``mainspring.core.ports``.

Needs the extra ``testing``: pytest, and for the model hypothesis.
"""

from mainspring.testing.conformance.model import StorageModel, run_model
from mainspring.testing.conformance.sides import Side
from mainspring.testing.conformance.suite import StorageConformance

__all__ = ["Side", "StorageConformance", "StorageModel", "run_model"]
