"""Reasons for which a test may be skipped in CI; any other skip fails the run there, since a test that never runs proves nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Regular expressions that a whole reason must match, each with why it is allowed.
ALLOWED = (
    r"the shared real-data folder is not beside this checkout",  # its licences forbid to copy the data into the repository
)


def unlisted(reasons: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of (test, reason) pairs, those whose reason is not allowed.

    >>> unlisted([("a", ALLOWED[0]), ("b", "no time")])
    [('b', 'no time')]
    """
    return [(test, reason) for test, reason in reasons if not any(re.fullmatch(allowed, reason) for allowed in ALLOWED)]
