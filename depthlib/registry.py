"""Classes by the names that recipes give them: the library's own, and anyone's."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TypeVar

from depthlib.errors import DepthError
from depthlib.typed import nearest

T = TypeVar("T")


def named(what: str, name: str, known: Mapping[str, tuple[str, str]], kind: type[T]) -> type[T]:
    """The class that a recipe names.

    Args:
        what: it is, for messages.
        name: one of ``known``, or ``module:Class`` for one of somebody's own, from any module that Python can import.
        known: name → module and class.
        kind: what it must be a subclass of: a checkpoint names its model, and must not be able to call just anything.

    Raises:
        DepthError: an unknown name, a module or class that is not there, or a class of another kind.

    >>> from depthlib.models import MODELS
    >>> from depthlib.models.base import DepthModel
    >>> named("model", "depthlib.models.eigen:Eigen", MODELS, DepthModel) is named("model", "eigen", MODELS, DepthModel)
    True
    """
    if ":" not in name and name not in known:
        raise DepthError(
            f"{what} {name!r} is unknown{nearest(name, list(known))}; expected one of {', '.join(known)}, or module:Class for one of "
            "your own."
        )
    module, _, attribute = name.partition(":") if ":" in name else (known[name][0], "", known[name][1])
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, ValueError) as error:
        raise DepthError(
            f"{what} {name!r}: cannot import {module} ({error}). Where it lies in this folder, say `python -m depthlib`; "
            "elsewhere, name its folder in PYTHONPATH."
        ) from error
    except AttributeError as error:
        raise DepthError(f"{what} {name!r}: {module} has no {attribute}.") from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise DepthError(f"{what} {name!r}: expected a subclass of {kind.__module__}.{kind.__name__}.")
    return found
