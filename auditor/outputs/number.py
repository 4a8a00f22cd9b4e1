"""Numbers as people read them, the same on the terminal and in the report."""

from __future__ import annotations


def percent(share: float | None, digits: int = 0) -> str:
    """A share (0..1) as people read it.

    >>> percent(0.5), percent(0.004), percent(0), percent(0.999)
    ('50 %', '< 1 %', '0 %', '> 99 %')
    """
    if share is None:
        return "\N{EN DASH}"
    text = f"{share * 100:.{digits}f}"
    if digits == 0 and text == "0" and share > 0:
        return "< 1 %"
    if digits == 0 and text == "100" and share < 1:
        return "> 99 %"
    return f"{text} %"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "item"), plural(1200, "item")
    ('1 item', '1,200 items')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def severities(count: int, name: str) -> str:
    """A count of findings of a severity.

    >>> severities(43, "error"), severities(1, "warning"), severities(18, "info")
    ('43 errors', '1 warning', '18 info')
    """
    return f"{count:,} {name}" if name == "info" else plural(count, name)
