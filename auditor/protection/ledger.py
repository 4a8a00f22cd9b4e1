"""The ledger: who opened which field, when and for which purpose. `ledger/NAME.jsonl`, one file an identity, append only.

An entry is on disk before the key is released (flock, append, fsync). Each line names the SHA-256 of the line before,
so that a change
or a gap in the middle shows. That is all it proves yet: lines are not signed, and somebody who can write the file can
write it anew from some line on, or cut its end off; git's history and signed heads are for that. Somebody who holds a
key and uses raw libraries leaves no entry. No entry holds personal data of those whom the data is about.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditorError, InputError
from auditor.files import parse_json

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = "label-auditor/ledger/v1"
FIRST = "0" * 64
_TAIL = 1 << 20  # bytes read from the end; an entry is far shorter


def append(folder: Path, actor: str, at: dt.datetime, entry: Mapping[str, str | int]) -> None:
    """Write an entry; when this returns it is on disk.

    Args:
        folder: the workspace's `ledger`.
        actor: whose file; the name of an identity.
        at: when.
        entry: what happened: action, dataset, field, purpose and what else there is to say.

    Raises:
        AuditorError: it cannot be written: then no key may be released.
    """
    file = folder / f"{actor}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            last = _last(handle)
            line = {"format": FORMAT, "prev": _digest(last), "at": at.isoformat(timespec="seconds"), "actor": actor, **entry}
            data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, "the disk is full")  # a short write is a failed one
            os.fsync(handle)
        finally:
            os.close(handle)
        parent = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise AuditorError(
            f"{file}: the ledger cannot be written: {error.strerror}", "nothing was opened; make the ledger writable"
        ) from error


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else FIRST


def _last(handle: int) -> bytes:
    """The last whole line. One that a crash cut off is taken away: no key was released for it."""
    size = os.fstat(handle).st_size
    data = os.pread(handle, min(size, _TAIL), max(0, size - _TAIL))
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and size > _TAIL:
        raise OSError(errno.EINVAL, "it holds what is no entry")
    if len(whole) < len(data):
        os.ftruncate(handle, size - len(data) + len(whole))
    return whole[whole[:-1].rfind(b"\n") + 1 :]


def verify(file: Path) -> list[dict[str, Any]]:
    """The entries of one file, if the chain of its lines is whole; an entry that a crash cut off is none.

    Raises:
        InputError: a line that was altered, taken away or put in another order; it names the first.
    """
    entries: list[dict[str, Any]] = []
    before = b""
    data = file.read_bytes()
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(keepends=True), 1):
        try:
            entry = parse_json(line)
        except ValueError as error:
            raise InputError(file, f"line {number}", "is no entry", "compare with the ledger in git's history") from error
        if not isinstance(entry, dict) or entry.get("prev") != _digest(before):
            raise InputError(
                file, f"line {number}", "does not follow from the line before", "compare with the ledger in git's history"
            )
        entries.append(entry)
        before = line
    return entries
