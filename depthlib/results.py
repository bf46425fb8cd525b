"""Results: one JSON file a finished run, with all that is needed to trust its numbers.

A run that did not finish writes none. The schema is in the package: ``results.schema.json``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from depthlib.errors import DepthError
from depthlib.files import writable_folder, write_whole

SCHEMA = 1


def check_results(results: Any, source: str) -> None:
    """Raise a DepthError that names the first place where results break the schema."""
    import jsonschema

    schema = json.loads((Path(__file__).parent / "results.schema.json").read_text())
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(results))
    if error is not None:
        raise DepthError(f"{source}: {error.json_path}: {error.message}. Results are written by runs, not by hand.")


def write_results(results: dict[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write results atomically, after checking them."""
    check_results(results, str(path))
    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    writable_folder(Path(path).parent)
    return write_whole(path, lambda partial: partial.write_text(text))


def read_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read results and check them.

    Raises:
        DepthError: not there, not JSON, or not of the schema.
    """
    try:
        results = json.loads(Path(path).read_text(), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise DepthError(
            f"{path}: cannot be read as results ({error}). The command inside it makes it anew."
        ) from error
    check_results(results, str(path))
    return results


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number that a run writes")


def results_path(root: str | os.PathLike[str], recipe: str, profile: str, seed: int) -> Path:
    """Where results are kept: ``ROOT/RECIPE/PROFILE-SEED.json``."""
    return Path(root) / recipe / f"{profile}-{seed}.json"
