"""What a user is meant to read: file, value seen, value expected, remedy."""

from collections.abc import Iterator
from contextlib import contextmanager


def in_short(error: BaseException) -> str:
    """What an error says, as the part of a line; some quote a whole damaged header.

    >>> in_short(ValueError("a\\n" + 500 * "b"))[-3:]
    'bb…'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"


class DepthError(ValueError):
    """Input that cannot be used as given. The command line prints its message and exits with status 2.

    >>> from depthlib.errors import DepthError
    >>> raise DepthError("depth/0001.png: 8-bit image; expected 16-bit millimetres. Export it as uint16.")
    Traceback (most recent call last):
    depthlib.errors.DepthError: depth/0001.png: 8-bit image; expected 16-bit millimetres. Export it as uint16.
    """


class Unfinished(DepthError):
    """A run that was asked to stop, or lost its data, with everything up to there saved: the same command goes on.

    The command line exits with status 75, which programs that start others take for "try again".
    """


@contextmanager
def enough_memory(what: str, remedy: str) -> Iterator[None]:
    """Turn running out of memory, on a GPU or in main memory, into one sentence.

    Args:
        what: batch and size of what was tried.
        remedy: which setting to lower.

    >>> with enough_memory("batch 8 of 480x640", "Lower phases.0.batch."):
    ...     raise MemoryError()
    Traceback (most recent call last):
    depthlib.errors.DepthError: out of memory: batch 8 of 480x640. Lower phases.0.batch.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError; torch is not imported here
        text = str(error)
        out = isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
        if not out:
            raise
        asked = next((line for line in text.splitlines() if "llocate" in line), "")
        told = f" ({asked[:160].strip()})" if asked else ""
        raise DepthError(f"out of memory: {what}{told}. {remedy}") from error
