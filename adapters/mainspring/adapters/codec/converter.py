"""The one converter: values of the core to plain data (dicts, lists, texts, numbers) and back.

Rules:

* An instant is ISO 8601 in UTC with ``Z``, a duration our text in units (``1h30m``), a tuple a list.
* A member of a union is an object whose ``kind`` says which (see ``tags``).
* A recurrence is its text with its options and its zone; reading it parses that text again.
* A field of an edit that is left alone is left out.
* Reading: a missing field takes its default if it has one, an unknown field is refused, and so is a value of another
  type (no ``"3"`` for 3, no null for a text). The core's own validators run as ever.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from mainspring.adapters.codec.recurrences import HOOKS
from mainspring.adapters.codec.scalars import read_duration, read_instant, write_duration, write_instant
from mainspring.adapters.codec.tags import UNIONS
from mainspring.core.commands import Edit, Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import AtMost, ScheduleEdit
from mainspring.core.schedule.values import CatchUpMode

_Read = Callable[[Any, Any], Any]
_Write = Callable[[Any], Any]

_UNSET: Final = Literal[Unset.UNSET]
_REMEMBERED: Final = 1024
"""How many retry policies are kept read: a store has few different ones, and each task holds one."""


def _exactly(kind: type) -> _Read:
    def read(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise InvalidInput("value", f"{value!r:.80} is no {kind.__name__}", f"give a {kind.__name__}")
        return value

    return read


def _float(value: Any, _: Any) -> float:
    if type(value) not in (float, int):
        raise InvalidInput("value", f"{value!r:.80} is no number", "give a number")
    return float(value)


def _instant(value: Any, _: Any) -> datetime:
    return read_instant(value)


def _duration(value: Any, _: Any) -> timedelta:
    if type(value) is not str:
        raise InvalidInput("duration", f"{value!r:.80} is not a duration", "write it as '90s' or '1h30m'")
    return read_duration(value)


def _tagged_reader(converter: Converter, tags: Mapping[str, type]) -> _Read:
    readers: dict[str, _Read] = {}

    def read(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise InvalidInput("value", f"{value!r:.80} is no object", "give an object with its kind")
        fields = cast("dict[str, Any]", value).copy()
        word = fields.pop("kind", None)
        reader = readers.get(word)
        if reader is None:
            if word not in tags:
                raise InvalidInput("kind", f"{word!r:.80} is not known", f"use one of {', '.join(tags)}")
            reader = readers[word] = converter.get_structure_hook(tags[word])
        return reader(fields, tags[word])

    return read


def _tagged_writer(converter: Converter, tags: Mapping[str, type]) -> _Write:
    words = {kind: word for word, kind in tags.items()}
    writers: dict[type, _Write] = {}

    def write(value: object) -> dict[str, Any]:
        kind = type(value)
        writer = writers.get(kind)
        if writer is None:
            writer = writers[kind] = converter.get_unstructure_hook(kind)
        return {"kind": words[kind], **writer(value)}

    return write


def _remembering(read: _Read) -> _Read:
    """Read equal plain data once. Marshalled bytes are the quickest key that tells 1 from True and 1.0."""

    @lru_cache(maxsize=_REMEMBERED)
    def read_key(key: bytes) -> Any:
        return read(marshal.loads(key), None)  # noqa: S302  bytes that the function below has just made

    def remembered(value: Any, _: Any) -> Any:
        try:
            key = marshal.dumps(value, 2)
        except ValueError:  # not plain data: the reader says what is wrong with it
            return read(value, None)
        return read_key(key)

    return remembered


def _read_mode(value: Any, _: Any) -> CatchUpMode:
    if value in ("none", "latest", "all"):
        return value  # type: ignore[no-any-return]  # one of the three, as was just seen
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if list(fields) == ["at_most"] and type(fields["at_most"]) is int:
            return AtMost(fields["at_most"])
    raise InvalidInput("catch_up", f"{value!r:.80} is not known", "use none, latest, all or {'at_most': 3}")


def _write_mode(value: CatchUpMode) -> object:
    return {"at_most": value.count} if isinstance(value, AtMost) else value


def _is_change(kind: Any) -> bool:
    """Tell whether ``kind`` is a ``Change[...]``: a union with ``Unset``."""
    return _UNSET in getattr(kind, "__args__", ())


def _changed(kind: Any) -> Any:
    """Give what a ``Change[...]`` holds once it is set; what is not set is left out, so it is never read."""
    rest = [part for part in kind.__args__ if part != _UNSET]
    union: Any = rest[0]
    for part in rest[1:]:
        union = union | part
    return union


def _edit_writer(kind: Any, converter: Converter) -> _Write:
    attrs.resolve_types(kind)
    optional: dict[str, Any] = {
        field.name: override(omit_if_default=True) for field in attrs.fields(kind) if _is_change(field.type)
    }
    return make_dict_unstructure_fn(kind, converter, **optional)


def _is_row(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _row_reader(kind: Any, converter: Converter) -> _Read:
    """Read ``tuple[T, ...]``, or ``tuple[A, B]`` of exactly that length."""
    items = kind.__args__
    endless = items[-1] is Ellipsis
    readers = [(converter.get_structure_hook(item), item) for item in items if item is not Ellipsis]
    first, item = readers[0]

    def read(value: Any, _: Any) -> Any:
        if type(value) not in (list, tuple):
            raise InvalidInput("value", f"{value!r:.80} is no list", "give a list")
        if endless:
            return tuple([first(part, item) for part in value])
        if len(value) != len(readers):
            raise InvalidInput("value", f"{len(value)} items", f"give {len(readers)}")
        return tuple([reader(part, kind) for part, (reader, kind) in zip(value, readers, strict=True)])

    return read


def make_converter() -> Converter:
    """Make the converter. It compiles the functions of a class at the first use of that class."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(datetime, _instant)
    converter.register_unstructure_hook(datetime, write_instant)
    converter.register_structure_hook(timedelta, _duration)
    converter.register_unstructure_hook(timedelta, write_duration)
    converter.register_structure_hook_factory(_is_row, _row_reader)
    converter.register_structure_hook_factory(_is_optional, _optional_reader)
    for recurrence, (read, write) in HOOKS.items():
        converter.register_structure_hook(recurrence, read)
        converter.register_unstructure_hook(recurrence, write)
    for union, tags in UNIONS.items():
        read = _tagged_reader(converter, tags)
        read = _remembering(read) if union == RetryPolicy else read
        write = _tagged_writer(converter, tags)
        _register(converter, union, read, write)
        _register(converter, union | None, _or_none(read), _or_null(write))
    _register(converter, CatchUpMode, _read_mode, _write_mode)
    _register_changes(converter)
    return converter


def _is_optional(kind: Any) -> bool:
    """Tell whether ``kind`` is ``T | None`` (cattrs' own hook for it looks up T's at every value)."""
    parts = getattr(kind, "__args__", ())
    return get_origin(kind) in (Union, UnionType) and len(parts) == 2 and NoneType in parts


def _optional_reader(kind: Any, converter: Converter) -> _Read:
    inner = next(part for part in kind.__args__ if part is not NoneType)
    read = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else read(value, inner)


def _register_changes(converter: Converter) -> None:
    def reader(kind: Any) -> _Read:
        changed = _changed(kind)
        read = converter.get_structure_hook(changed)
        return lambda value, _: read(value, changed)  # some of cattrs' own hooks go by the type that they are passed

    def writer(kind: Any) -> _Write:
        return converter.get_unstructure_hook(_changed(kind))

    converter.register_structure_hook_factory(_is_change, reader)
    converter.register_unstructure_hook_factory(_is_change, writer)
    for edit in (Edit, ScheduleEdit):
        converter.register_unstructure_hook(edit, _edit_writer(edit, converter))


def _or_none(read: _Read) -> _Read:
    return lambda value, kind: None if value is None else read(value, kind)


def _or_null(write: _Write) -> _Write:
    return lambda value: None if value is None else write(value)


def _register(converter: Converter, union: Any, read: _Read, write: _Write) -> None:
    def is_it(kind: Any) -> bool:
        return bool(kind == union)

    converter.register_structure_hook_func(is_it, read)
    converter.register_unstructure_hook_func(is_it, write)
