"""The one exception a user is meant to read: file, value seen, value expected, remedy."""


class DepthError(ValueError):
    """Input that cannot be used as given. The command line prints its message and exits with status 2.

    >>> from depthlib.errors import DepthError
    >>> raise DepthError("depth/0001.png: 8-bit image; expected 16-bit millimetres. Export it as uint16.")
    Traceback (most recent call last):
    depthlib.errors.DepthError: depth/0001.png: 8-bit image; expected 16-bit millimetres. Export it as uint16.
    """
