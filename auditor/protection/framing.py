"""How several byte strings become one, so that no two lists of parts look alike; and how bytes stand in text."""

from __future__ import annotations

import base64
import binascii


def lp(*parts: bytes) -> bytes:
    r"""Each part behind its length in 8 bytes, big end first: never a separator, which a part could contain.

    >>> lp(b"ab", b"").hex()
    '000000000000000261620000000000000000'
    >>> lp(b"a", b"bc") == lp(b"ab", b"c")
    False
    """
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def base64_text(data: bytes) -> str:
    """Bytes as text (RFC 4648)."""
    return base64.b64encode(data).decode("ascii")


def base64_bytes(text: str) -> bytes:
    """The bytes of such a text.

    Raises:
        ValueError: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError("not base64") from error
