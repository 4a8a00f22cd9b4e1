"""The few kinds of error a user can meet; each says what, where, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class AuditorError(Exception):
    """Something the user can act on: printed as `auditor: error: …` and `auditor: hint: …`.

    Attributes:
        message: what went wrong and where, lower case, no full stop.
        hint: one thing to do about it, or "".
        exit_code: the process's exit code (docs/adr/0003-exit-codes.md).
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuditorError):
    """The command line or the settings ask for something that cannot be."""

    exit_code = 2


class InputError(AuditorError):
    """A file that cannot be read: names the file and the place within it.

    >>> InputError("labels.json", "line 3, column 7", "the JSON ends here", "export it again").message
    'labels.json: line 3, column 7: the JSON ends here'
    """

    def __init__(self, file: Path | str, place: str, what: str, hint: str = "") -> None:
        super().__init__(": ".join(part for part in (str(file), place, what) if part), hint)
        self.file = str(file)
        self.place = place


class AccessError(AuditorError):
    """Somebody may not have what they ask for: no policy allows it, no grant opens it, or the identity is not theirs to use."""

    exit_code = 5


class CheckFileError(AuditorError):
    """A check file that is not a valid check: wrong header, wrong SQL, or SQL that is not allowed."""
