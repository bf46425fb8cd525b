"""Classes by the names that recipes give them: the library's own, and anyone's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from depthlib.errors import DepthError
from depthlib.typed import nearest

#: Modules of one's own, separated by commas, that recipes and checkpoints may name.
ALLOWED = "DEPTHLIB_IMPORT"


def named(what: str, name: str, known: Mapping[str, tuple[str, str]], kind: type[Any]) -> type[Any]:
    """The class that a recipe names.

    Args:
        what: it is, for messages.
        name: one of ``known``, or ``module:Class`` for one of somebody's own, in a module that is imported already or that the
            environment variable ``DEPTHLIB_IMPORT`` lists. A checkpoint says which model it is of: without this, whoever made it
            could have anything imported where it is loaded.
        known: name → module and class.
        kind: what it must be a subclass of.

    Raises:
        DepthError: an unknown name, a module that is not allowed or cannot be imported, or no such class in it.

    >>> from depthlib.models import MODELS
    >>> from depthlib.models.base import DepthModel
    >>> from depthlib.models.eigen import Eigen
    >>> named("model", "eigen", MODELS, DepthModel) is named("model", "depthlib.models.eigen:Eigen", MODELS, DepthModel) is Eigen
    True
    """
    if name in known:
        module, attribute = known[name]
    elif ":" in name:
        module, attribute = name.split(":", 1)
        if module not in sys.modules and module not in [
            word.strip() for word in os.environ.get(ALLOWED, "").split(",")
        ]:
            raise DepthError(
                f"{what} {name!r}: {module} is not imported. In Python, import it first; on the command line, say that you trust it: "
                f"{ALLOWED}={module} python -m depthlib …, from the folder it lies in."
            )
    else:
        raise DepthError(
            f"{what} {name!r} is unknown{nearest(name, list(known))}; expected one of {', '.join(known)}, or module:Class for one of "
            "your own."
        )
    try:
        found = importlib.import_module(module)
    except Exception as error:  # whatever somebody's module does
        where = ""
        if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
            where = " Start `python -m depthlib …` in the folder that it lies in, or name that folder in PYTHONPATH."
        raise DepthError(
            f"{what} {name!r}: {module} cannot be imported ({type(error).__name__}: {error}).{where}"
        ) from error
    cls = getattr(found, attribute, None)
    if not (isinstance(cls, type) and issubclass(cls, kind)):
        raise DepthError(f"{what} {name!r}: {module} has no {attribute} that is a {kind.__module__}.{kind.__name__}.")
    return cls
