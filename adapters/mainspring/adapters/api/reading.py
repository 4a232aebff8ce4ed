"""From plain data to the models: strictly, and with all that is wrong at once, each with its path.

A converter of cattrs with hooks of its own: an attribute's validator is run where its path is known (in ``__init__`` it
would be lost). Errors of the core become problems of the attribute that was read.

* Nothing is guessed: a text is no number, a number is no text, an unknown field is refused. Forms and query strings
  have texts only; there, and only there, a text is read as the number or the switch that is wanted.
* Instants and durations are the core's texts; a retry policy too (``exponential(initial=1s, attempts=10)``).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, reduce
from types import NoneType, UnionType
from typing import Any, Final, Literal, NewType, Union, cast, get_args, get_origin

import attrs
from cattrs import Converter

from mainspring.adapters.api.refusals import Found, Problem, Refusal, problem_of
from mainspring.core.commands import Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import parse_duration, parse_instant
from mainspring.core.retry import RetryPolicy
from mainspring.core.retry_text import parse_retry

BodyText = NewType("BodyText", str)
"""A body to deliver: a text as it is; any other JSON value is kept as its JSON text."""

MAX_INTEGER: Final = 2**53

_INTEGER: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_Hook = Callable[[Any, Any], Any]


def wrong(what: str, cure: str) -> InvalidInput:
    """Make the error of a value; its place is known to who reads what holds it."""
    return InvalidInput("", what, cure)


def wire_type(kind: Any) -> tuple[Any, bool]:
    """Take ``None`` and *unset* out of an annotation: what is left, and whether null may stand for it."""
    if get_origin(kind) not in (Union, UnionType):
        return kind, False
    parts = [part for part in get_args(kind) if part is not NoneType and part != Literal[Unset.UNSET]]
    return reduce(_or, parts), NoneType in get_args(kind)


def _or(one: Any, other: Any) -> Any:
    return one | other


def make_reader(*, texts: bool) -> Converter:
    """Make a converter; ``texts``: for input that has texts only (forms, query strings)."""
    converter = Converter()
    converter.register_structure_hook(str, _exactly(str, "a text"))
    converter.register_structure_hook(int, _integer_of_text if texts else _integer)
    converter.register_structure_hook(bool, _switch if texts else _exactly(bool, "true or false"))
    converter.register_structure_hook(datetime, lambda value, _: parse_instant("", _text(value)))
    converter.register_structure_hook(timedelta, lambda value, _: _duration(_text(value)))
    converter.register_structure_hook_func(lambda kind: kind is BodyText, _body)
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_factory(attrs.has, _class_reader)
    converter.register_structure_hook_factory(_is_optional, _optional_reader)
    converter.register_structure_hook_factory(_is_list, _list_reader)
    converter.register_structure_hook_factory(_is_mapping, _mapping_reader)
    converter.register_structure_hook_func(lambda kind: kind == RetryPolicy, lambda value, _: parse_retry(_text(value)))
    return converter


def read(converter: Converter, value: Any, kind: Any) -> Any:
    """Read ``value`` as ``kind``; ``Refusal`` (422) with everything that is wrong."""
    try:
        return converter.structure(value, kind)
    except Found as found:
        raise Refusal(422, found.problems) from None
    except InvalidInput as error:
        raise Refusal(422, [Problem(message=f"The body: {error.what}", hint=error.cure)]) from None


def _members(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(f"{_shown(value)} is not an object", "use an object")
    return cast("dict[str, Any]", value)


def _items(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise wrong(f"{_shown(value)} is not a list", "use a list")
    return cast("Sequence[Any]", value)


def elements_of(value: object) -> Sequence[Any]:
    """Give the elements of a body that has to be a list; ``Refusal`` (422) for another."""
    try:
        return _items(value)
    except InvalidInput as error:
        raise Refusal(422, [Problem(message=f"The body: {error.what}", hint=error.cure)]) from None


@lru_cache(maxsize=1_024)
def _duration(text: str) -> timedelta:
    return parse_duration("", text)


def _exactly(kind: type, named: str) -> _Hook:
    def read(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise wrong(f"{_shown(value)} is not {named}", f"use {named}")
        return value

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(f"{_shown(value)} is not a text", "use a text")
    return value


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)  # JSON Schema's integers include 57.0
    if type(value) is not int:
        raise wrong(f"{_shown(value)} is not a whole number", "use a whole number")
    if abs(value) > MAX_INTEGER:
        raise wrong("the number is out of range", "use a smaller one")
    return value


def _integer_of_text(value: Any, _: Any) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise wrong(f"{_shown(value)} is not a whole number", "use a whole number")
    return int(value)


def _switch(value: Any, _: Any) -> bool:
    if not isinstance(value, str) or value not in _SWITCH:
        raise wrong(f"{_shown(value)} is not true or false", "use true or false")
    return _SWITCH[value]


def _body(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise wrong("a number in it is out of range", "send a text, or numbers that fit") from None


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _literal(value: Any, kind: Any) -> Any:
    allowed = get_args(kind)
    if not isinstance(value, str) or value not in allowed:
        raise wrong(f"{_shown(value)} is not known", f"use one of {', '.join(allowed)}")
    return value


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and kind != RetryPolicy


def _optional_reader(kind: Any, converter: Converter) -> _Hook:
    inner, nullable = wire_type(kind)
    hook = converter.get_structure_hook(inner)

    def read(value: Any, _: Any) -> Any:
        if value is None and nullable:
            return None
        return hook(value, inner)

    return read


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple)


def _list_reader(kind: Any, converter: Converter) -> _Hook:
    inner = get_args(kind)[0]
    hook = converter.get_structure_hook(inner)

    def read(value: Any, _: Any) -> tuple[Any, ...]:
        if isinstance(value, str) and converter is TEXT_READER:
            value = value.split(",")
        items = _items(value)
        made: list[Any] = []
        found: list[Problem] = []
        for index, item in enumerate(items):
            made.append(_collected(found, str(index), hook, item, inner))
        if found:
            raise Found(found)
        return tuple(made)

    return read


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in (dict, Mapping)


def _mapping_reader(kind: Any, converter: Converter) -> _Hook:
    inner = get_args(kind)[1]
    hook = converter.get_structure_hook(inner)

    def read(value: Any, _: Any) -> dict[str, Any]:
        found: list[Problem] = []
        made = {name: _collected(found, name, hook, item, inner) for name, item in _members(value).items()}
        if found:
            raise Found(found)
        return made

    return read


@attrs.frozen
class _Field:
    """What is known of an attribute before any value is read."""

    name: str
    required: bool
    kind: Any
    hook: _Hook
    attribute: attrs.Attribute[Any]


def _class_reader(kind: Any, converter: Converter) -> _Hook:
    attrs.resolve_types(kind)
    known = {
        attribute.name: _Field(
            attribute.name,
            attribute.default is attrs.NOTHING,
            attribute.type,
            converter.get_structure_hook(attribute.type),
            attribute,
        )
        for attribute in attrs.fields(kind)
    }

    def read(value: Any, _: Any) -> Any:
        members = _members(value)
        found: list[Problem] = [_unknown(name, known) for name in members if name not in known]
        made: dict[str, Any] = {}
        for field in known.values():
            if field.name in members:
                hook = _checked(field)
                made[field.name] = _collected(found, field.name, hook, members[field.name], field.kind)
            elif field.required:
                found.append(Problem(message=f"{_label(field.name)} is missing", param=field.name, hint="give it"))
        if found:
            raise Found(found)
        return kind(**made)

    return read


def _checked(field: _Field) -> _Hook:
    validator = field.attribute.validator
    if validator is None:
        return field.hook

    def read(value: Any, kind: Any) -> Any:
        made = field.hook(value, kind)
        validator(None, field.attribute, made)
        return made

    return read


def _collected(found: list[Problem], name: str, hook: _Hook, value: Any, kind: Any) -> Any:
    """Read one part; what is wrong with it goes to ``found``, with its path."""
    try:
        return hook(value, kind)
    except Found as inner:
        for problem in inner.problems:
            path = f"{name}.{problem.param}" if problem.param else name
            found.append(attrs.evolve(problem, param=path, message=_placed(problem, name)))
    except InvalidInput as error:
        found.append(problem_of(error, name))
    return None


def _placed(problem: Problem, name: str) -> str:
    """A message that begins with the label of its place begins with that of the whole path."""
    inner = problem.message
    return f"{_label(name)} {inner[:1].lower()}{inner[1:]}"


def _label(name: str) -> str:
    label = name.replace("_", " ")
    return f"{label[:1].upper()}{label[1:]}"


def _unknown(name: str, known: Sequence[str] | Mapping[str, Any]) -> Problem:
    shown = "".join(char for char in name if char.isprintable())[:80]
    close = difflib.get_close_matches(name[:80], list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
    return Problem(message=f"{shown!r} is not known", param=shown, hint=hint)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value, ensure_ascii=False)[:100]


JSON_READER: Final = make_reader(texts=False)
TEXT_READER: Final = make_reader(texts=True)
