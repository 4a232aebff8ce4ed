"""What is printed: aligned, and with nothing in it that a terminal would obey."""

from __future__ import annotations

import sys

import pytest

from mainspring.cli import output
from mainspring.cli.output import clipped, print_fields, print_json, print_table, printable


def test_control_characters_are_shown_not_obeyed() -> None:
    """An answer of a receiver cannot paint, move or rename the terminal that shows it."""
    assert printable("a\x1b[31mb\x07\r\n\tü\x9b") == "a\\x1b[31mb\\x07\\x0d\\x0a ü\\x9b"


def test_a_long_text_is_marked_where_it_was_cut() -> None:
    """What was cut off is not passed over in silence."""
    assert clipped("12345", 5) == "12345"
    assert clipped("123456", 5) == "1234…"


def test_columns_are_aligned_without_rich(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets plain columns."""
    print_table(("ID", "NAME"), [("1", "a"), ("1000", "b\x1b")])
    assert capsys.readouterr().out == "ID    NAME\n1     a\n1000  b\\x1b\n"


def test_a_terminal_gets_the_same_rows_in_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rich the rows are the same; markup in a value stays text."""
    monkeypatch.setattr(output, "colourful", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("ID", "STATUS"), [("1", "failed"), ("2", "[bold]x[/bold]")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["ID", "STATUS"], ["1", "failed"], ["2", "[bold]x[/bold]"]]


def test_colours_need_a_terminal_and_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich is optional, and never used in a pipe."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert output.colourful()
    monkeypatch.setattr(output, "find_spec", lambda name: None)
    assert not output.colourful()
    monkeypatch.undo()
    assert not output.colourful()


def test_fields_are_aligned_and_json_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Names to the left, values to the right; JSON keeps letters as they are."""
    print_fields([("a", "1"), ("long", "")])
    print_json({"ü": [1]})
    assert capsys.readouterr().out == '  a     1\n  long\n{\n  "ü": [\n    1\n  ]\n}\n'
