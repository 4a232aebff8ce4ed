"""Storages: memory and SQLite behind one port."""
