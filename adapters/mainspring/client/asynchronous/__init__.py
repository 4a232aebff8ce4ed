"""The client, awaited."""

from mainspring.client.asynchronous.client import AsyncClient

__all__ = ["AsyncClient"]
