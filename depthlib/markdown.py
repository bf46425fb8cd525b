"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of cells under a header.

    >>> print(markdown_table(("", "rmse"), [("mean", "1.244")]))
    |  | rmse |
    |---|---|
    | mean | 1.244 |
    """
    first, *others = ("| " + " | ".join(cells) + " |" for cells in (header, *rows))
    return "\n".join([first, "|---" * len(header) + "|", *others])
