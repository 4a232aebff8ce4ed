"""The registry of functions that tasks may call.

Rules:

* A function is found by the name it was registered with. Nothing is ever imported or evaluated from stored text.
* A name belongs to one function; registering it twice is refused.
* Arguments are the members of a JSON object, given by keyword; ``check`` says before a task is stored whether they fit.
* One parameter annotated with ``Context`` is filled by the executor and is no argument.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias, cast, get_args

from attrs import frozen

from mainspring.adapters.executors.context import Context
from mainspring.core.errors import InvalidInput
from mainspring.core.task import FunctionCall

Function: TypeAlias = Callable[..., object]
"""A ``def`` or ``async def`` whose parameters can all be given by keyword."""

_GENERATOR_CURE: Final = "register a function that does the work when it is called"


@frozen(kw_only=True)
class Registered:
    """A function under its name, with what is needed to call it.

    ``on_loop``: it is an ``async def``; ``context``: the name of its ``Context`` parameter, if it has one.
    """

    name: str
    function: Function
    signature: inspect.Signature
    on_loop: bool
    context: str | None

    def arguments(self, call: FunctionCall) -> dict[str, object]:
        """Read the arguments of ``call`` and bind them; ``InvalidInput`` names the one that does not fit."""
        arguments = read_arguments(call.arguments)
        self._refuse_unknown(arguments)
        for parameter in self._parameters():
            if parameter.default is parameter.empty and parameter.name not in arguments:
                raise InvalidInput(f"arguments.{parameter.name}", "it is missing", f"{self.name} takes {self._usage()}")
        return arguments

    def _refuse_unknown(self, arguments: Mapping[str, object]) -> None:
        known = {parameter.name for parameter in self._parameters()}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in self.signature.parameters.values())
        for name in arguments:
            if name == self.context or (name not in known and not open_ended):
                close = difflib.get_close_matches(name, sorted(known), n=1)
                cure = f"did you mean {close[0]}?" if close else f"{self.name} takes {self._usage()}"
                raise InvalidInput(f"arguments.{name[:80]}", f"{self.name} takes no such argument", cure)

    def _parameters(self) -> list[inspect.Parameter]:
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [p for p in self.signature.parameters.values() if p.kind in kinds and p.name != self.context]

    def _usage(self) -> str:
        parts = [p.name if p.default is p.empty else f"{p.name} (optional)" for p in self._parameters()]
        return ", ".join(parts) or "no arguments"


class FunctionRegistry:
    """The functions that tasks may call, by name."""

    def __init__(self) -> None:
        self._functions: Final[dict[str, Registered]] = {}

    def register(self, name: str, function: Function) -> None:
        """Let tasks call ``function`` as ``name``.

        Raises ``InvalidInput`` if the name is taken or no function name, or if the function cannot be called with
        keyword arguments, is a generator, or has two context parameters.
        """
        FunctionCall(function=name)  # one rule for names: the core's
        entry = Registered(
            name=name,
            function=function,
            signature=_signature(name, function),
            on_loop=_is_coroutine_function(function),
            context=_context_parameter(name, function),
        )
        if self._functions.setdefault(name, entry) is not entry:
            raise InvalidInput("function", f"{name!r} is registered already", "choose another name")

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        return tuple(sorted(self._functions))

    def lookup(self, name: str) -> Registered:
        """Find a function; ``InvalidInput`` names those with a similar name if there is none."""
        found = self._functions.get(name)
        if found is None:
            raise InvalidInput("function", f"no function {name[:80]!r} is registered", self._cure(name))
        return found

    def check(self, call: FunctionCall) -> None:
        """Raise ``InvalidInput`` unless ``call`` names a registered function and its arguments fit the signature."""
        self.lookup(call.function).arguments(call)

    def _cure(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.names(), n=3)
        if close:
            return f"did you mean {' or '.join(close)}?"
        if not self._functions:
            return "register it before: nothing is registered here"
        shown = self.names()[:10]
        more = len(self._functions) - len(shown)
        return f"registered are {', '.join(shown)}" + (f" and {more} more" if more else "")


def read_arguments(text: str) -> dict[str, object]:
    """Read a JSON object strictly: no NaN, no duplicate key; ``InvalidInput`` for anything else."""
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except InvalidInput:
        raise
    except json.JSONDecodeError as error:
        what = f"it is no JSON ({error.msg} at line {error.lineno} column {error.colno})"
        raise InvalidInput("arguments", what, 'use an object such as {"user_id": 7}') from None
    except (ValueError, RecursionError):  # a number of thousands of digits; nested thousands deep
        raise InvalidInput("arguments", "it is too large a number or too deeply nested", "use simpler JSON") from None
    if not isinstance(value, dict):
        raise InvalidInput("arguments", "it is no JSON object", 'use an object such as {"user_id": 7}')
    return cast("dict[str, object]", value)


def _refuse_constant(constant: str) -> NoReturn:
    raise InvalidInput("arguments", f"it holds {constant}, which is no JSON", "use a number or null")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise InvalidInput("arguments", f"it holds {double[:80]!r} twice", "give each name once")
    return members


def _is_coroutine_function(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 — an object with an async __call__


def _signature(name: str, function: Function) -> inspect.Signature:
    if not callable(function):
        raise InvalidInput("function", f"{name} is given a {type(function).__name__}", "give a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidInput("function", f"{name} is a generator: calling it runs nothing", _GENERATOR_CURE)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise InvalidInput("function", f"{name} has no readable signature", "wrap it in a def") from None
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            what = f"the parameter {parameter.name} of {name} is positional-only"
            raise InvalidInput("function", what, "arguments are given by keyword: drop the /")
    return signature


def _context_parameter(name: str, function: Function) -> str | None:
    found = [p.name for p in _annotated(function).parameters.values() if _means_context(p.annotation)]
    if len(found) > 1:
        raise InvalidInput("function", f"{name} has the context parameters {', '.join(found)}", "keep one of them")
    return found[0] if found else None


def _annotated(function: Function) -> inspect.Signature:
    """The signature with its annotations as objects, or as text if one of them cannot be resolved here."""
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # names imported for type checkers only
        return inspect.signature(function)


def _means_context(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.replace(" ", "").removesuffix("|None").rpartition(".")[2] == Context.__name__
    return annotation is Context or Context in get_args(annotation)
