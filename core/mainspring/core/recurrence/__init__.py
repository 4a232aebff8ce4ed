"""Recurrences: rules that say when, as frozen values and pure functions over them."""
