"""Networks, one a file, and the one place that makes them by name."""

from __future__ import annotations

import importlib
from typing import Any

from depthlib.errors import DepthError
from depthlib.models.base import DepthModel

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

    Raises:
        DepthError: an unknown name or option.

    >>> build_model("eigen", width=0.05).input_size
    (228, 304)
    """
    if name not in MODELS:
        raise DepthError(f"model {name!r} is unknown; expected one of {', '.join(MODELS)}.")
    module, cls = MODELS[name]
    try:
        return getattr(importlib.import_module(module), cls)(**options)
    except DepthError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise DepthError(f"model {name!r}: options {sorted(options)} do not fit ({error}).") from error
