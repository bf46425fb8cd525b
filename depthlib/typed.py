"""Plain data read strictly: YAML into frozen dataclasses, where whatever does not fit is an error that says so."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, cast

import yaml

from depthlib.errors import DepthError


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-4 is a number, and a key that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(text: str, source: str, number: Callable[[str], float] | None = None) -> Any:
    """A YAML text as plain data.

    Args:
        number: what makes a number of its text, in place of Python's int and float.

    Raises:
        DepthError: not YAML; one line that names the source.

    >>> read_yaml("1e-4", "a rate")
    0.0001
    """
    loader: type[_Loader] = _Loader
    if number is not None:
        loader = type("_Numbers", (_Loader,), {})
        for kind in ("int", "float"):
            loader.add_constructor(f"tag:yaml.org,2002:{kind}", lambda _, node: number(node.value))
    try:
        return yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DepthError(f"{source}: not valid YAML ({' '.join(str(error).split())}).") from error


def nearest(key: str, candidates: list[str]) -> str:
    """A hint at the nearest valid name, or nothing.

    >>> nearest("lamda", ["lam", "unit"])
    " (did you mean 'lam'?)"
    """
    close = difflib.get_close_matches(key, candidates, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def build(kind: Any, raw: Any, where: str) -> Any:
    """Read plain data into a typed value, strictly."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        named: type[Any] = cast(Any, kind)
        if not isinstance(raw, dict):
            raise DepthError(f"{where}: expected keys of {named.__name__}, found {raw!r}.")
        fields = {f.name: f for f in dataclasses.fields(kind)}
        for key in raw:
            if key not in fields:
                raise DepthError(f"{where}: unknown key {key!r}{nearest(str(key), list(fields))}.")
        required = {
            n for n, f in fields.items()
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        }  # fmt: skip
        if missing := sorted(required - raw.keys()):
            raise DepthError(f"{where}: key {missing[0]!r} is missing.")
        hints = typing.get_type_hints(kind)
        values = {key: build(hints[key], value, f"{where}: {key}") for key, value in raw.items()}
        try:
            return named(**values)
        except DepthError as error:
            raise DepthError(f"{where}: {error}") from error
    if origin in (types.UnionType, typing.Union):
        if raw is None and type(None) in arguments:
            return None
        return build(next(a for a in arguments if a is not type(None)), raw, where)
    if origin is Literal:
        if raw not in arguments:
            raise DepthError(f"{where}: {raw!r} is not one of {', '.join(map(repr, arguments))}.")
        return raw
    if origin is tuple:
        if not isinstance(raw, list | tuple):
            raise DepthError(f"{where}: expected a list, found {raw!r}.")
        if arguments[-1] is Ellipsis:
            return tuple(build(arguments[0], item, f"{where}.{i}") for i, item in enumerate(raw))
        if len(raw) != len(arguments):
            raise DepthError(f"{where}: expected {len(arguments)} values, found {raw!r}.")
        return tuple(build(a, item, where) for a, item in zip(arguments, raw, strict=True))
    if origin is dict:
        if not isinstance(raw, dict):
            raise DepthError(f"{where}: expected a mapping, found {raw!r}.")
        for key in raw:
            if not isinstance(key, str):
                raise DepthError(f"{where}: expected names as keys, found {key!r}.")
        return {key: build(arguments[1], value, f"{where}.{key}") for key, value in raw.items()}
    if kind is Any:
        return copy.deepcopy(raw)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if kind is int and isinstance(raw, float) and raw.is_integer():  # YAML reads 2e6 as a float
        return int(raw)
    if isinstance(raw, kind) and not (kind is int and isinstance(raw, bool)):
        return raw
    wanted = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
    raise DepthError(
        f"{where}: expected {kind.__name__}, found {raw!r} ({type(raw).__name__}). "
        f"Write {wanted.get(kind.__name__, kind.__name__)}."
    )
