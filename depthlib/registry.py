"""Classes and objects by the names that recipes give them: the library's own, and anyone's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from depthlib.errors import DepthError
from depthlib.typed import nearest

#: Modules of one's own, separated by commas, that recipes and checkpoints may name.
ALLOWED = "DEPTHLIB_IMPORT"
T = TypeVar("T")


def named(what: str, name: str, known: Mapping[str, tuple[str, str]], kind: type[Any]) -> type[Any]:
    """The class that a recipe names.

    Args:
        what: it is, for messages.
        name: one of ``known``, or ``module:Class`` for one of somebody's own: see :func:`imported`.
        known: name → module and class.
        kind: what it must be a subclass of.

    Raises:
        DepthError: an unknown name, as :func:`imported`, or no such class.

    >>> from depthlib.models import MODELS
    >>> from depthlib.models.base import DepthModel
    >>> from depthlib.models.eigen import Eigen
    >>> named("model", "eigen", MODELS, DepthModel) is named("model", "depthlib.models.eigen:Eigen", MODELS, DepthModel) is Eigen
    True
    """
    found = _attribute(what, name, *known[name]) if name in known else imported(what, name, known)
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise _another(what, name, found, f"a class of {kind.__module__}.{kind.__name__}")
    return found


def chosen(what: str, name: str, known: Mapping[str, T], kind: type[T]) -> T:
    """The object that a recipe names: one of ``known``, or ``module:NAME`` for one of somebody's own, of this kind.

    Raises:
        DepthError: an unknown name, as :func:`imported`, or an object of another kind.

    >>> from depthlib.augment import NAMED, Augmentation
    >>> chosen("augmentation", "mild", NAMED, Augmentation) is chosen("augmentation", "depthlib.augment:MILD", NAMED, Augmentation)
    True
    """
    if name in known:
        return known[name]
    found = imported(what, name, known)
    if not isinstance(found, kind):
        raise _another(what, name, found, f"an instance of {kind.__module__}.{kind.__name__}")
    return found


def _another(what: str, name: str, found: Any, expected: str) -> DepthError:
    """What to say of a name that stands for nothing, or for something of another kind."""
    module, _, attribute = name.partition(":")
    if found is None:
        return DepthError(f"{what} {name!r}: {module} has no {attribute}; expected {expected}.")
    seen = f"the class {found.__name__}" if isinstance(found, type) else f"an instance of {type(found).__name__}"
    remedy = ""
    if isinstance(found, type) and expected.startswith("an instance"):
        remedy = f" Write {attribute.upper()} = {attribute}() into {module}, and name {module}:{attribute.upper()}."
    return DepthError(f"{what} {name!r}: is {seen}; expected {expected}.{remedy}")


def imported(what: str, name: str, known: Iterable[str]) -> Any:
    """What ``module:NAME`` stands for; None if there is no such name in the module.

    The module is imported already, or the environment variable ``DEPTHLIB_IMPORT`` lists it. A checkpoint says which model it is
    of: without this, whoever made it could have anything imported where it is loaded.

    Args:
        what: it is, for messages, like the names that are ``known``.

    Raises:
        DepthError: a name without a colon, or a module that is not allowed or cannot be imported.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        names = list(known)
        raise DepthError(
            f"{what} {name!r} is unknown{nearest(name, names)}; expected one of {', '.join(names)}, or module:NAME for one of "
            "your own."
        )
    allowed = os.environ.get(ALLOWED, "")
    if module not in sys.modules and module not in [word.strip() for word in allowed.split(",")]:
        now = f" (It is {allowed!r} now; names of modules are separated by commas.)" if allowed else ""
        raise DepthError(
            f"{what} {name!r}: {module} is not imported. In Python, import it first; on the command line, say that you trust it: "
            f"{ALLOWED}={module} python -m depthlib …, from the folder it lies in.{now}"
        )
    return _attribute(what, name, module, attribute)


def _attribute(what: str, name: str, module: str, attribute: str) -> Any:
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except Exception as error:  # whatever somebody's module does
        where = ""
        if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
            where = " Start `python -m depthlib …` in the folder that it lies in, or name that folder in PYTHONPATH."
        raise DepthError(
            f"{what} {name!r}: {module} cannot be imported ({type(error).__name__}: {error}).{where}"
        ) from error
