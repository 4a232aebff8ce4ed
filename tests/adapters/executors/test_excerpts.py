"""Excerpts are bounded, storable and cheap, whatever they are made of."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.adapters.executors import excerpts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def storable(text: str) -> bool:
    return "\x00" not in text and text == text.encode("utf-8", "ignore").decode()


@given(JSON)
def test_json_comes_back(value: object) -> None:
    """What fits is whole: reading the excerpt gives the value (lone surrogates included)."""
    text = excerpts.of_value(value)
    assert storable(text)
    assert json.loads(text) == value


@given(st.text(st.characters(codec=None), max_size=50), st.integers(3, 60))
def test_bounds_hold_in_bytes(text: str, limit: int) -> None:
    """An excerpt is never longer than its limit in UTF-8, and never ends within a character."""
    cut = excerpts.bounded(text, limit)
    assert len(cut.encode()) <= limit


@given(st.text(max_size=50))
def test_messages_hold_no_controls(text: str) -> None:
    """A message cannot move the cursor of whoever reads it."""
    safe = excerpts.message(text)
    assert storable(safe)
    assert all(char in "\t\n" or ord(char) >= 0x20 for char in safe)
    assert "\x1b" not in safe


@pytest.mark.parametrize("value", [list(range(3_000_000)), {"a": "x" * 3_000_000}, ["ü" * 100] * 100_000])
def test_large_values_are_cut(value: object) -> None:
    """Of a value of megabytes 64 KiB are kept, and the loop is not held up to encode the rest."""
    started = time.perf_counter()
    text = excerpts.of_value(value)
    assert time.perf_counter() - started < 0.5
    assert 65_000 < len(text.encode()) <= excerpts.MAX_RESULT_BYTES
    assert text.endswith("…")


def test_what_is_no_json_is_its_repr() -> None:
    """NaN, sets, circles and depth have no JSON: a bounded repr stands for them."""
    circle: list[object] = []
    circle.append(circle)
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert excerpts.of_value(float("nan")) == "nan"
    assert excerpts.of_value({1, 2}) == "{1, 2}"
    assert excerpts.of_value(circle).startswith("[[")
    assert excerpts.of_value(deep).startswith("[[")
    assert len(excerpts.of_value({object() for _ in range(100_000)})) < 10_000


def test_a_bad_repr_does_no_harm() -> None:
    """A value that cannot be shown is named."""

    class Nasty:
        def __repr__(self) -> str:
            raise RuntimeError

    assert "Nasty" in excerpts.of_value(Nasty())
