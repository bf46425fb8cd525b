"""Networks, one a file, and the one place that makes them by name."""

from __future__ import annotations

from typing import Any

from depthlib.errors import DepthError
from depthlib.models.base import DepthModel
from depthlib.registry import named

#: name → module and class
MODELS = {
    "eigen": ("depthlib.models.eigen", "Eigen"),
    "densedepth": ("depthlib.models.densedepth", "DenseDepth"),
    "sparse_to_dense": ("depthlib.models.sparse_to_dense", "SparseToDense"),
    "upsampler": ("depthlib.models.upsampler", "DepthUpsampler"),
    "superres": ("depthlib.models.superres", "Generator"),
    "interpolation": ("depthlib.models.interpolation", "FastInterpolation"),
}


def build_model(name: str, **options: Any) -> DepthModel:
    """A model by name, with fresh weights from torch's current seed.

    Args:
        name: one of :data:`MODELS`, or ``module:Class`` for a :class:`depthlib.models.base.DepthModel` of your own.
        options: of its ``__init__``.

    Raises:
        DepthError: an unknown name or option, or a model that does not say its sizes.

    >>> build_model("eigen", width=0.05).input_size
    (228, 304)
    """
    cls = named("model", name, MODELS, DepthModel)
    try:
        model: DepthModel = cls(**options)
    except DepthError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise DepthError(f"model {name!r}: options {sorted(options)} do not fit ({error}).") from error
    for size in ("frame_size", "input_size", "region"):
        if not hasattr(model, size):
            raise DepthError(f"model {name!r}: has no {size}; a DepthModel says frame_size, input_size and region.")
    for size, count in (("frame_size", 2), ("input_size", 2), ("region", 4)):
        value = getattr(model, size)
        if not isinstance(value, tuple | list) or len(value) != count or not all(type(n) is int for n in value):
            raise DepthError(f"model {name!r}: {size} is {value!r}; expected {count} whole numbers.")
    (rows, columns), (top, left, bottom, right) = model.input_size, model.region
    if not (0 <= top < bottom <= rows and 0 <= left < right <= columns):
        raise DepthError(
            f"model {name!r}: region is {tuple(model.region)}; expected (top, left, bottom, right) within its input of {rows}x{columns}."
        )
    return model
