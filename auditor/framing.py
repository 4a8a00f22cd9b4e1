"""How several byte strings become one, so that no two lists of parts look alike."""

from __future__ import annotations


def lp(*parts: bytes) -> bytes:
    r"""Each part behind its length in 8 bytes, big end first: never a separator, which a part could contain.

    >>> lp(b"ab", b"").hex()
    '000000000000000261620000000000000000'
    >>> lp(b"a", b"bc") == lp(b"ab", b"c")
    False
    """
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
