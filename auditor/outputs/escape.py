"""Label text, file names and messages are hostile: what they may do to a terminal or an eye is undone here."""

from __future__ import annotations

import re

# C0 and C1 controls, bidirectional overrides and isolates, zero-width signs, line separators, tags, and lone surrogates.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# The same for DuckDB's regular expressions (RE2).
UNSEEN_SQL = (
    r"[\x00-\x1f\x7f-\x{9f}\x{061c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{fff9}-\x{fffb}\x{e0000}-\x{e007f}]"
)


def visible(text: str) -> str:
    r"""The text on one line, with every control, bidirectional and zero-width character written out.

    >>> visible("a\x1b[31mb\u202ec\n")
    'a\\x1b[31mb\\u202ec\\n'
    """
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def shorten(text: str, width: int) -> str:
    """At most `width` characters, the last of them … where something was cut.

    >>> shorten("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"
