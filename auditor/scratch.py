"""Working folders: private, beside what is being made, and gone afterwards, whatever happens to the process.

Clear tables pass through them. A folder holds a locked file as long as its process lives; the lock dies with the process, so the
next run can tell what a killed one has left from what another one is working in, and sweeps it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = ".auditor-"
_NAME = re.compile(r"\.auditor-[a-z0-9_]{8}")
_LOCK = "lock"
_MARK = b"label-auditor working folder\n"
# What this process works in: removed even where a signal leaves it no time to unwind.
ACTIVE: set[Path] = set()


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """A private folder in `parent` (on the file system of what is made there); sweeps away what killed processes left there."""
    sweep(parent)
    work = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    ACTIVE.add(work)
    lock = _locked(work)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        ACTIVE.discard(work)
        if lock is not None:
            lock.close()


def sweep(parent: Path) -> None:
    """Remove working folders in `parent` whose processes are dead; whatever is not surely such a folder stays."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False) and _abandoned(Path(entry.path)):
                shutil.rmtree(entry.path, ignore_errors=True)


def _locked(work: Path) -> IO[bytes] | None:
    """The folder's locked file; None where the file system knows no locks: then nobody will sweep the folder."""
    stream = (work / "new").open("wb")
    try:
        stream.write(_MARK)
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only a locked file ever has the name, so that nobody takes a folder for dead that is just being made.
        (work / "new").rename(work / _LOCK)
    except OSError:
        stream.close()
        return None
    return stream


def _abandoned(work: Path) -> bool:
    try:
        # A FIFO or a link in its place is not ours, and must not be waited for.
        handle = os.open(work / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as stream:
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.getuid() or stream.read(len(_MARK) + 1) != _MARK:
                return False
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
